// Whole programs, every instruction set and one or two threads, against the reference's bits.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/network.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

std::vector<uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) stop(path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

class Expected {
 public:
  explicit Expected(const std::filesystem::path& path) : bytes_(read_bytes(path)) {
    for (int32_t& side : shape) side = number();
    image = take(static_cast<size_t>(shape[0]) * shape[1] * shape[2] * shape[3]);
  }
  bool at_end() const { return position_ == bytes_.size(); }
  int32_t number() {
    int32_t value;
    std::memcpy(&value, take(4), 4);
    return value;
  }
  const uint8_t* take(size_t size) {
    if (position_ + size > bytes_.size()) stop("expected values are cut short");
    const uint8_t* start = bytes_.data() + position_;
    position_ += size;
    return start;
  }

  int32_t shape[4];
  const uint8_t* image;

 private:
  std::vector<uint8_t> bytes_;
  size_t position_ = 0;
};

// The same bits; for a NaN, any NaN, since processors differ in its sign and payload.
bool same(const uint8_t* got, const uint8_t* expected, size_t count, bool bits) {
  if (bits) return std::memcmp(got, expected, count) == 0;
  for (size_t i = 0; i < count; ++i) {
    float a, b;
    std::memcpy(&a, got + 4 * i, 4);
    std::memcpy(&b, expected + 4 * i, 4);
    if (std::memcmp(&a, &b, 4) != 0 && !(std::isnan(a) && std::isnan(b))) return false;
  }
  return true;
}

void compare(const std::filesystem::path& path, const KernelTable& kernels, int threads) {
  Expected expected(std::filesystem::path(path).replace_extension(".expected"));
  Network network(PackedFile::open(path.string()), kernels);
  auto workspace = network.acquire({expected.shape[0], expected.shape[1], expected.shape[2]});
  const auto& program = network.program();
  for (size_t step = 0; step < program.steps.size(); ++step) {
    network.run(*workspace, expected.image, threads, step, step + 1);
    for (int buffer : program.steps[step].written()) {
      std::string what = path.stem().string() + " " + kernels.name + " threads " +
                         std::to_string(threads) + " step " + std::to_string(step) + " buffer " +
                         std::to_string(buffer);
      check(expected.number() == static_cast<int32_t>(step) && expected.number() == buffer, what);
      const auto size = static_cast<size_t>(expected.number());
      const auto count = static_cast<size_t>(expected.number());
      std::vector<uint8_t> got(size * count + 4);
      if (program.buffers[buffer].bits) {
        network.read_bits(*workspace, buffer, got.data());
      } else {
        std::vector<float> floats(count);
        network.read_floats(*workspace, buffer, floats.data());
        std::memcpy(got.data(), floats.data(), 4 * count);
      }
      check(same(got.data(), expected.take(size * count), count, size == 1), what);
    }
  }
  check(expected.at_end(), path.stem().string() + ": all expected values were compared");
  network.give_back(std::move(workspace));
}

}  // namespace

void test_examples(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gnp") continue;
    ++count;
    try {
      for (const KernelTable* kernels : available_kernels()) {
        for (int threads : {1, 2, 5}) compare(entry.path(), *kernels, threads);
      }
    } catch (const Error& error) {
      check(false, entry.path().string() + ": " + error.what());
    }
  }
  if (count == 0) stop("no packed files in " + folder);
}

}  // namespace groupnet_test
