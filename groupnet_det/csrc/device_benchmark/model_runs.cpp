#include "device_benchmark/model_runs.h"

#include <chrono>
#include <cstring>
#include <stdexcept>

namespace groupnet_benchmark {

namespace {

constexpr uint64_t kStart = 0xcbf29ce484222325, kPrime = 0x100000001b3;  // of FNV-1a

uint64_t checksum_of(const groupnet_output& output, uint64_t sum) {
  const int64_t* shape = output.shape;
  const int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, output.values + i, sizeof bits);
    sum = (sum ^ bits) * kPrime;
  }
  return sum;
}

}  // namespace

ModelRuns::ModelRuns(const EmbeddedModel& model) : model_(&model), network_(nullptr, [](auto*) {}) {
  groupnet_error error;
  network_ = {groupnet_open_bytes(model.file, model.bytes, &error), groupnet_close};
  if (network_ == nullptr) throw std::runtime_error(error.message);
  timed_ = image(model.timed);
}

// Noise that every language computes alike.
std::vector<uint8_t> ModelRuns::image(const ImageSize& size) const {
  const int channels = groupnet_input_channels(network_.get());
  std::vector<uint8_t> bytes(static_cast<size_t>(size.height * size.width * channels));
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>((static_cast<uint32_t>(i) * 2654435761u) >> 24);
  }
  return bytes;
}

ModelRuns::Result ModelRuns::run(const std::vector<uint8_t>& image, const ImageSize& size,
                                 int threads) const {
  groupnet_error error;
  Result result(groupnet_run_prepared(network_.get(), image.data(), 1, size.height, size.width,
                                      threads, &error),
                groupnet_free);
  if (result == nullptr) throw std::runtime_error(error.message);
  return result;
}

uint64_t ModelRuns::checksum(int threads) const {
  const Result result = run(image(model_->checked), model_->checked, threads);
  uint64_t sum = kStart;
  for (int i = 0; i < groupnet_num_outputs(network_.get()); ++i) {
    sum = checksum_of(*groupnet_get_output(result.get(), i), sum);
  }
  return sum;
}

double ModelRuns::seconds(int threads) const {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  run(timed_, model_->timed, threads);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace groupnet_benchmark
