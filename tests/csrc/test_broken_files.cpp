// Files that were changed, their checksum right: an Error, or a network whose answers depend on
// nothing but file and image.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <thread>
#include <vector>

#include "broken_interface.h"
#include "check.h"
#include "core/error.h"
#include "core/run/network.h"
#include "core/run/workspace_lease.h"
#include "core/weights/layout.h"
#include "mutations.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

const std::vector<MapSize> kSizes = {{64, 96}, {33, 130}};
const std::vector<MapSize> kPartSizes = {{7, 7}, {14, 9}};

struct Counts {
  std::atomic<int> sealed{0}, refused{0}, ran{0}, large{0};
};

// Fill a map with its border, so that what is read without having been written is seen.
template <class T>
void fill(const MapView<T>& map, const ImageSize& size, const BufferMemory& memory, int byte) {
  if (map.origin == nullptr) return;
  const int64_t border = (map.row_stride / map.pixel_stride - memory.width) / 2;
  auto* first = const_cast<std::remove_const_t<T>*>(map.at(0, -border, -border));
  // The image stride of a single image is none: strips shift their rows by it.
  const int64_t rows = size.images * (memory.height + 2 * border);
  std::memset(first, byte, static_cast<size_t>(rows * map.row_stride) * sizeof(T));
}

void fill(Workspace& workspace, const Program& program, int byte) {
  for (size_t i = 0; i < workspace.buffers().size(); ++i) {
    const BufferMemory& memory = workspace.buffers()[i];
    fill(memory.floats, workspace.size(), memory, byte);
    fill(memory.bytes, workspace.size(), memory, byte);
    // Words that no step writes stay 0.
    if (blocks_of(program.buffers[i].channels) % kQuadBlocks == 0) {
      fill(memory.words, workspace.size(), memory, byte);
    }
  }
}

// All outputs, one after the other, with NaN as 0.
std::vector<float> outputs_of(Network& network, Workspace& workspace, const Given& given) {
  const Program& program = network.program();
  network.run(workspace, given, 1, 0, program.steps.size());
  std::vector<float> values;
  for (const auto& [name, buffer] : program.outputs) {
    const BufferMemory& memory = workspace.buffers()[buffer];
    const auto count = static_cast<size_t>(workspace.size().images * memory.height * memory.width *
                                           program.buffers[buffer].channels);
    values.resize(values.size() + count);
    network.read_floats(workspace, buffer, values.data() + values.size() - count);
  }
  for (float& value : values) value = value == value ? value : 0;
  return values;
}

// What predictors do with the outputs of a network: of boxes here and there, partly outside.
void use_outputs(Network& network, Workspace& workspace, const MapSize& image) {
  const std::vector<float> boxes = {-20, -9, 3, 3, 5, 6, 40, 31, 0, 0, 1e9f, 1e9f, NAN, 1, 2, 3};
  const std::vector<float> scores = {4, 3, 2, 1};
  const std::vector<int64_t> numbers = {0, 0, 0, 0};
  for (const auto& [name, buffer] : network.program().outputs) {
    const BufferMemory& memory = workspace.buffers()[buffer];
    const int channels = network.program().buffers[buffer].channels;
    std::vector<float> map(static_cast<size_t>(memory.height * memory.width * channels));
    network.read_floats(workspace, buffer, map.data());
    RoiAlign regions;
    AlignLevel& level = regions.levels.emplace_back();
    level.map = map.data();
    level.height = static_cast<int>(memory.height);
    level.width = static_cast<int>(memory.width);
    level.scale = 0.25f;
    regions.channels = channels;
    regions.boxes = boxes.data();
    regions.level_of = numbers.data();
    regions.num_boxes = 4;
    regions.rows = regions.columns = 3;
    std::vector<float> pooled(static_cast<size_t>(4 * 3 * 3 * channels));
    network.roi_align(regions, 1, pooled.data());
    network.above_threshold(map.data(), static_cast<int64_t>(map.size()), 0.5f, 1);
    LabelMap labels;
    labels.logits = {memory.floats.origin, memory.floats.image_stride, memory.floats.row_stride,
                     memory.floats.pixel_stride};
    labels.channels = channels;
    labels.height = memory.height;
    labels.width = memory.width;
    labels.out_height = image.height;
    labels.out_width = image.width;
    std::vector<int32_t> found(static_cast<size_t>(image.height * image.width));
    network.label_map(labels, 1, found.data());
  }
  Candidates candidates;
  candidates.boxes = boxes.data();
  candidates.scores = scores.data();
  candidates.classes = numbers.data();
  candidates.count = 4;
  network.nms(candidates, 0.5, 1);
}

// Whether it ran: an Error where the size does not fit, and nothing where maps are very large.
bool run(Network& network, const MapSize& size, int64_t images, const std::string& what) {
  const Program& program = network.program();
  const ImageSize whole{images, size.height, size.width};
  if (is_large(program, whole)) return false;
  const auto count = static_cast<size_t>(images * size.height * size.width) *
                     static_cast<size_t>(program.input_channels);
  const Bytes pixels(count, 77);
  const std::vector<float> maps(program.is_part ? count : 0, 0.5f);
  const Given given{pixels.data(), maps.data()};
  WorkspaceLease workspace(network, whole);
  fill(*workspace, program, 0x55);
  const std::vector<float> once = outputs_of(network, *workspace, given);
  fill(*workspace, program, 0xAA);
  const std::vector<float> again = outputs_of(network, *workspace, given);
  check(once.size() == again.size() &&
            std::memcmp(once.data(), again.data(), once.size() * sizeof(float)) == 0,
        what + ": its answer depends on what was in memory");
  if (!program.is_part) use_outputs(network, *workspace, size);
  return true;
}

template <class Each>
void try_sizes(const std::vector<MapSize>& sizes, Counts& counts, const Each& run_one) {
  for (const MapSize& size : sizes) {
    try {
      ++(run_one(size) ? counts.ran : counts.large);
    } catch (const Error&) {
      ++counts.refused;
    }
  }
}

// With that number of bases. A file that is refused when it is opened counts as refused for each
// size.
void try_bases(const Bytes& bytes, int bases, const std::string& what, Counts& counts) {
  try {
    Network network(PackedFile::parse(bytes, what), *available_kernels().front(),
                    std::make_shared<ThreadPool>(), bases);
    for (const std::string& name : network.parts()) {
      try_sizes(kPartSizes, counts,
                [&](const MapSize& size) { return run(*network.part(name), size, 2, what); });
    }
    try_sizes(kSizes, counts, [&](const MapSize& size) { return run(network, size, 1, what); });
  } catch (const Error&) {
    counts.refused += static_cast<int>(kSizes.size());
  }
}

// The numbers that are tried: the most, and where there are fewer, one.
std::vector<int> bases_of(const Bytes& bytes) {
  const std::string name = "fewer_bases";
  const bool has = std::search(bytes.begin(), bytes.end(), name.begin(), name.end()) != bytes.end();
  return has ? std::vector<int>{0, 1} : std::vector<int>{0};
}

void try_file(const Bytes& bytes, const std::string& what, Counts& counts) {
  for (const int bases : bases_of(bytes)) try_bases(bytes, bases, what, counts);
}

std::vector<std::pair<std::string, Bytes>> files_in(const std::string& folder) {
  std::vector<std::pair<std::string, Bytes>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gnp") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files.emplace_back(entry.path().stem().string(),
                       Bytes(std::istreambuf_iterator<char>(file), {}));
  }
  std::sort(files.begin(), files.end());  // the order of a folder is not fixed
  if (files.empty()) stop("no packed files in " + folder);
  return files;
}

// Calls `run` with the numbers below `count`.
void in_threads(int count, const std::function<void(int)>& run) {
  std::atomic<int> next{0};
  const auto work = [&] {
    for (int i; (i = next.fetch_add(1)) < count;) run(i);
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
}

void try_mutations(const std::string& folder, int mutations, Answers& answers) {
  const auto files = files_in(folder);
  Counts counts;
  in_threads(mutations, [&](int i) {
    const auto& [name, bytes] = files[static_cast<size_t>(i) % files.size()];
    std::mt19937 random(static_cast<unsigned>(i));
    const Bytes mutated = mutate(bytes, random);
    counts.sealed += is_sealed(mutated);
    try_file(mutated, name + ", mutation " + std::to_string(i), counts);
    for (const int bases : bases_of(mutated)) try_interface(mutated, bases, answers);
  });
  std::printf(
      "%d mutations of %zu files in %s, %d with a right checksum; runs: %d refused, %d harmless, "
      "%d too large to be tried\n",
      mutations, files.size(), folder.c_str(), counts.sealed.load(), counts.refused.load(),
      counts.ran.load(), counts.large.load());
  check(mutations < 100 || (counts.refused > 0 && counts.ran > 0),
        "mutated files are refused or run");
  check(counts.sealed >= mutations * 9 / 10, "most mutated files have a right checksum");
}

}  // namespace

// Of a small network of each task; and, a fifth of as many, of the examples.
void test_broken_files(const std::string& folder, int mutations) {
  Answers answers;
  try_mutations(folder + "/tasks", mutations, answers);
  const auto [maps, labels, objects, masks, segments] = answers.all();
  std::printf("the C interface gave maps %d times, labels %d, objects %d, masks %d, segments %d\n",
              maps, labels, objects, masks, segments);
  check(mutations < 100 || std::min({maps, labels, objects, masks, segments}) > 0,
        "mutated files are answered in every way");
  try_mutations(folder, mutations / 5, answers);
}

}  // namespace groupnet_test
