#include "cli/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <vector>

#include "cli/run_lengths.h"

namespace groupnet_tool {

namespace {

// With all its digits: reading the text gives the same float32.
std::string digits(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

std::string json_number(float value) { return std::isfinite(value) ? digits(value) : "null"; }

std::string json_text(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      quoted += escape;
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

template <class Items, class Format>
std::string join(const Items& items, const char* between, const Format& format) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : between) + format(item);
  return text;
}

std::string json_list(const std::vector<float>& values) {
  return "[" + join(values, ", ", json_number) + "]";
}

struct Prediction {
  std::vector<float> logits, probabilities;
  std::vector<int32_t> best;
};

// Whether it is a classifier's output: one number for each class.
bool is_prediction(const groupnet_model* model, const groupnet_output* logits) {
  return std::string(groupnet_task(model)) == "classification" && logits != nullptr &&
         logits->shape[1] == 1 && logits->shape[2] == 1;
}

Prediction prediction_of(const groupnet_output& output, int top) {
  const int64_t classes = output.shape[3];
  Prediction prediction;
  prediction.logits.assign(output.values, output.values + classes);
  prediction.probabilities.resize(static_cast<size_t>(classes));
  groupnet_softmax(output.values, classes, prediction.probabilities.data());
  prediction.best.resize(static_cast<size_t>(classes));
  const int64_t number = groupnet_top(output.values, classes, top, prediction.best.data());
  if (number < 0) throw std::runtime_error("there is not enough memory");
  prediction.best.resize(static_cast<size_t>(number));
  return prediction;
}

std::string text_of(const groupnet_model* model, const Prediction& prediction) {
  return join(prediction.best, "", [&](int32_t c) {
    return digits(prediction.probabilities[static_cast<size_t>(c)]) + "\t" +
           groupnet_class_name(model, c) + "\n";
  });
}

std::string json_of(const groupnet_model* model, const Prediction& prediction) {
  std::string top = join(prediction.best, ", ", [&](int32_t c) {
    return "{\"class\": " + json_text(groupnet_class_name(model, c)) +
           ", \"probability\": " + json_number(prediction.probabilities[static_cast<size_t>(c)]) +
           "}";
  });
  return ", \"top\": [" + top + "], \"probabilities\": " + json_list(prediction.probabilities) +
         ", \"logits\": " + json_list(prediction.logits);
}

std::string shape_of(const groupnet_output& output, const char* between) {
  return join(output.shape, between, [](int64_t side) { return std::to_string(side); });
}

struct Count {
  std::string name;
  int64_t pixels;
};

// Counts of the names that occur, the most frequent first; classes of one name count together.
std::vector<Count> count_names(const groupnet_model* model, const std::vector<int32_t>& labels) {
  std::vector<int64_t> of_class(static_cast<size_t>(groupnet_num_classes(model)));
  for (int32_t label : labels) ++of_class[static_cast<size_t>(label)];
  std::vector<Count> counts;
  std::map<std::string, size_t> places;
  for (size_t c = 0; c < of_class.size(); ++c) {
    const std::string name = groupnet_class_name(model, static_cast<int>(c));
    const auto [place, is_new] = places.emplace(name, counts.size());
    if (is_new) counts.push_back({name, 0});
    counts[place->second].pixels += of_class[c];
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const Count& a, const Count& b) { return a.pixels > b.pixels; });
  while (!counts.empty() && counts.back().pixels == 0) counts.pop_back();
  return counts;
}

std::string json_size(const Size& size) {
  return "[" + std::to_string(size.height) + ", " + std::to_string(size.width) + "]";
}

std::string json_mask(const std::vector<uint8_t>& mask, const Size& size) {
  return "{\"size\": " + json_size(size) +
         ", \"counts\": " + json_text(run_lengths(mask, size.height, size.width)) + "}";
}

// Its members.
std::string json_of(const groupnet_model* model, const groupnet_object& object) {
  return "\"class\": " + json_text(groupnet_class_name(model, object.label)) +
         ", \"label\": " + std::to_string(object.label) +
         ", \"score\": " + json_number(object.score) + ", \"box\": [" +
         join(object.box, ", ", json_number) + "]";
}

std::string head_of(const groupnet_model* model) {
  return "{\"task\": " + json_text(groupnet_task(model)) +
         ", \"instruction_set\": " + json_text(groupnet_instruction_set(model));
}

}  // namespace

std::string report_labels(const groupnet_model* model, const std::vector<int32_t>& labels,
                          int64_t height, int64_t width, const ReportOptions& options) {
  const std::vector<Count> counts = count_names(model, labels);
  const auto share = [&](const Count& count) {
    return digits(static_cast<float>(count.pixels) / static_cast<float>(labels.size()));
  };
  if (!options.json) {
    return join(counts, "",
                [&](const Count& count) { return share(count) + "\t" + count.name + "\n"; });
  }
  const std::string shares = join(counts, ", ", [&](const Count& count) {
    return json_text(count.name) + ": " + share(count);
  });
  return head_of(model) + ", \"labels\": [" + std::to_string(height) + ", " +
         std::to_string(width) + "], \"shares\": {" + shares + "}}\n";
}

std::vector<uint8_t> mask_of(const groupnet_objects* objects, int64_t number, const Size& size) {
  groupnet_error error;
  std::vector<uint8_t> mask(static_cast<size_t>(size.height * size.width));
  if (groupnet_get_mask(objects, number, mask.data(), &error) != 0) {
    throw std::runtime_error(error.message);
  }
  return mask;
}

std::string report_objects(const groupnet_model* model, const groupnet_objects* objects,
                           const Size& size, const ReportOptions& options) {
  std::vector<const groupnet_object*> list;
  for (int64_t i = 0; i < groupnet_num_objects(objects); ++i) {
    list.push_back(groupnet_get_object(objects, i));
  }
  if (!options.json) {
    return join(list, "", [&](const groupnet_object* object) {
      return digits(object->score) + "\t" + groupnet_class_name(model, object->label) + "\t" +
             join(object->box, " ", digits) + "\n";
    });
  }
  std::string entries;
  for (size_t i = 0; i < list.size(); ++i) {
    entries += (i == 0 ? "{" : ", {") + json_of(model, *list[i]);
    if (groupnet_has_masks(objects) != 0) {
      entries += ", \"mask\": " + json_mask(mask_of(objects, static_cast<int64_t>(i), size), size);
    }
    entries += "}";
  }
  return head_of(model) + ", \"image_size\": " + json_size(size) + ", \"objects\": [" + entries +
         "]}\n";
}

std::string report_segments(const groupnet_model* model, const groupnet_segments* segments,
                            const std::vector<int32_t>& map, const Size& size,
                            const ReportOptions& options) {
  std::string text, entries;
  for (int64_t number = 1; number <= groupnet_num_segments(segments); ++number) {
    const groupnet_panoptic_segment& segment = *groupnet_get_segment(segments, number);
    const bool is_thing = segment.is_thing != 0;
    const char* name = is_thing ? groupnet_class_name(model, segment.label)
                                : groupnet_stuff_class_name(model, segment.label);
    if (!options.json) {
      text += digits(static_cast<float>(segment.area) / static_cast<float>(map.size())) + "\t" +
              name + (is_thing ? "\t" + digits(segment.score) : "") + "\n";
      continue;
    }
    std::vector<uint8_t> mask(map.size());
    std::transform(map.begin(), map.end(), mask.begin(),
                   [&](int32_t id) { return static_cast<uint8_t>(id == number ? 1 : 0); });
    entries += std::string(number == 1 ? "" : ", ") + "{\"class\": " + json_text(name) +
               ", \"label\": " + std::to_string(segment.label) +
               ", \"isthing\": " + (is_thing ? "true" : "false") +
               ", \"id\": " + std::to_string(number) + ", \"mask\": " + json_mask(mask, size) +
               (is_thing ? ", \"score\": " + json_number(segment.score) : "") + "}";
  }
  if (!options.json) return text;
  return head_of(model) + ", \"image_size\": " + json_size(size) + ", \"segments\": [" + entries +
         "]}\n";
}

std::string report(const groupnet_model* model, const groupnet_result* result,
                   const ReportOptions& options) {
  std::vector<const groupnet_output*> outputs;
  for (int i = 0; i < groupnet_num_outputs(model); ++i) {
    outputs.push_back(groupnet_get_output(result, i));
  }
  const groupnet_output* logits = groupnet_find_output(result, "logits");
  const bool classes = is_prediction(model, logits);
  if (!options.json) {
    if (classes) return text_of(model, prediction_of(*logits, options.top));
    return join(outputs, "", [](const groupnet_output* output) {
      return std::string(output->name) + "\t" + shape_of(*output, " x ") + "\n";
    });
  }
  std::string maps = join(outputs, ", ", [](const groupnet_output* output) {
    return json_text(output->name) + ": [" + shape_of(*output, ", ") + "]";
  });
  return head_of(model) + ", \"outputs\": {" + maps + "}" +
         (classes ? json_of(model, prediction_of(*logits, options.top)) : "") + "}\n";
}

}  // namespace groupnet_tool
