#include "cli/options.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "cli/drawing.h"
#include "cli/images/png.h"

namespace groupnet_tool {

const char* const kUsage =
    "usage: groupnet-run MODEL.gnp IMAGE [--bases K] [--threads N] [--top K] [--json]\n"
    "                    [--score-threshold S] [--output LABELS.pgm] [--map NAME]\n"
    "                    [--draw DRAWING.png]\n"
    "\n"
    "  MODEL.gnp     a packed model, by tools/export_packed.py\n"
    "  IMAGE         an image of 8 bits a channel\n"
    "  --bases K     how many bases run, of a model that has several (the most)\n"
    "  --threads N   1 to 256; without it, one per processor\n"
    "  --top K       how many classes are printed (5)\n"
    "  --score-threshold S\n"
    "                score threshold of objects, 0 to 1 (that of the file for each class, else "
    "0.5)\n"
    "  --json        print JSON, with all probabilities and logits\n"
    "  --output F    write the class of each pixel, a grey image\n"
    "  --map NAME    of that map of the network as it is; without it, of a segmenter's\n"
    "                image in its own size, or of \"logits\"\n"
    "  --draw F      write the image with its objects, a .png or .ppm file\n"
    "  --help        print this\n";

namespace {

int whole(const std::string& text, const std::string& option, int least, int most) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < least || value > most) {
    throw UsageError(option + " is '" + text + "'; valid: " + std::to_string(least) + " to " +
                     std::to_string(most));
  }
  return static_cast<int>(value);
}

double share(const std::string& text, const std::string& option) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(0 <= value && value <= 1)) {
    throw UsageError(option + " is '" + text + "'; valid: 0 to 1");
  }
  return value;
}

}  // namespace

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    auto value = [&]() -> std::string {
      if (++i == argc) throw UsageError(word + " needs a value");
      return argv[i];
    };
    if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word == "--json") {
      options.report.json = true;
    } else if (word == "--threads") {
      options.threads = whole(value(), word, 1, 256);
    } else if (word == "--bases") {
      options.bases = whole(value(), word, 1, 64);
    } else if (word == "--top") {
      options.report.top = whole(value(), word, 0, 1 << 20);
    } else if (word == "--score-threshold") {
      options.score_threshold = share(value(), word);
    } else if (word == "--output") {
      options.output = value();
    } else if (word == "--draw") {
      options.draw = value();
      if (!is_picture(options.draw)) {
        throw UsageError("--draw is '" + options.draw + "'; valid: a file name that ends in " +
                         (kReadsPng ? ".png or .ppm" : ".ppm"));
      }
    } else if (word == "--map") {
      options.map = value();
    } else if (word.size() > 1 && word[0] == '-') {
      throw UsageError("unknown option " + word);
    } else {
      files.push_back(word);
    }
  }
  if (options.help) return options;
  if (files.size() != 2) throw UsageError("a model and an image are needed");
  options.model = files[0];
  options.image = files[1];
  return options;
}

}  // namespace groupnet_tool
