#include "device_benchmark/benchmark_report.h"

#include <cstdarg>
#include <cstdio>

namespace groupnet_benchmark {

namespace {

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  char text[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text, sizeof text, pattern, values);
  va_end(values);
  return text;
}

// The names of processors and boards have no characters that JSON writes otherwise, except quotes.
std::string quoted(const std::string& text) {
  std::string words = "\"";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) continue;
    if (c == '"' || c == '\\') words += '\\';
    words += c;
  }
  return words + '"';
}

const char* json_bool(bool value) { return value ? "true" : "false"; }

std::string size_of(const ModelRuns& runs) {
  const ImageSize& size = runs.model().timed;
  return std::to_string(size.height) + "x" + std::to_string(size.width);
}

}  // namespace

std::string table(const Figures& figures) {
  const Processor& processor = figures.processor;
  std::string text = processor.emulated ? "EMULATED: these times say nothing about ARM\n" : "";
  text += processor.name + (processor.board.empty() ? "" : ", " + processor.board);
  text += ", " + std::to_string(processor.cores) + " cores, " + figures.instruction_set + "\n\n";
  text += format("%-34s %9s  %-9s\n", "network", "pixels", "bits as the reference's");
  for (size_t i = 0; i < figures.models.size(); ++i) {
    const ModelRuns& runs = figures.models[i];
    text += format("%-34s %9s  %s\n", runs.model().name, size_of(runs).c_str(),
                   figures.equal[i] ? "yes" : "NO");
  }
  if (figures.times.empty()) return text;
  text += format("\n%-34s %7s %10s %10s\n", "network", "threads", "least, ms", "median, ms");
  for (const Times& times : figures.times) {
    text += format("%-34s %7d %10.3f %10.3f\n", figures.models[times.model].model().name,
                   times.threads, times.least, times.median);
  }
  text += format("\n%-34s %7s %10s\n", "barrier between threads", "threads", "least, us");
  for (const BarrierTime& time : figures.barriers) {
    text += format("%-34s %7d %10.3f\n", "", time.threads, time.microseconds);
  }
  return text;
}

std::string json_line(const Figures& figures) {
  const Processor& processor = figures.processor;
  std::string text = "{\"processor\": " + quoted(processor.name);
  text += ", \"board\": " + quoted(processor.board);
  text += format(", \"cores\": %d, \"emulated\": %s, \"isa\": ", processor.cores,
                 json_bool(processor.emulated));
  text += quoted(figures.instruction_set) + ", \"barriers\": [";
  for (size_t i = 0; i < figures.barriers.size(); ++i) {
    const BarrierTime& time = figures.barriers[i];
    text += format("%s{\"threads\": %d, \"least_us\": %.4f}", i == 0 ? "" : ", ", time.threads,
                   time.microseconds);
  }
  text += "], \"models\": [";
  for (size_t i = 0; i < figures.models.size(); ++i) {
    const EmbeddedModel& model = figures.models[i].model();
    text += format(
        "%s{\"name\": %s, \"height\": %lld, \"width\": %lld, \"equal\": %s, \"times\": [",
        i == 0 ? "" : ", ", quoted(model.name).c_str(), static_cast<long long>(model.timed.height),
        static_cast<long long>(model.timed.width), json_bool(figures.equal[i]));
    const char* between = "";
    for (const Times& times : figures.times) {
      if (times.model != i) continue;
      text += format("%s{\"threads\": %d, \"least_ms\": %.4f, \"median_ms\": %.4f}", between,
                     times.threads, times.least, times.median);
      between = ", ";
    }
    text += "]}";
  }
  return text + "]}";
}

}  // namespace groupnet_benchmark
