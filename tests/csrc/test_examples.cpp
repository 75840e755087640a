// Whole programs, every instruction set and one or two threads, against the reference's bits.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/run/network.h"

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
  Expected(const std::filesystem::path& path, bool is_part) : bytes_(read_bytes(path)) {
    for (int32_t& side : shape) side = number();
    const auto count = static_cast<size_t>(shape[0]) * shape[1] * shape[2] * shape[3];
    given.images = take(is_part ? 4 * count : count);
    if (!is_part) return;
    maps_.resize(count);
    std::memcpy(maps_.data(), given.images, 4 * count);
    given = {nullptr, maps_.data()};
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
  Given given;

 private:
  std::vector<float> maps_;
  std::vector<uint8_t> bytes_;
  size_t position_ = 0;
};

// The same bits; for a NaN, any NaN, since processors differ in its sign and payload.
bool same(const uint8_t* got, const uint8_t* expected, size_t count, bool floats) {
  if (!floats) return std::memcmp(got, expected, count) == 0;
  for (size_t i = 0; i < count; ++i) {
    float a, b;
    std::memcpy(&a, got + 4 * i, 4);
    std::memcpy(&b, expected + 4 * i, 4);
    if (std::memcmp(&a, &b, 4) != 0 && !(std::isnan(a) && std::isnan(b))) return false;
  }
  return true;
}

std::vector<uint8_t> contents(const Network& network, const Workspace& workspace, int buffer,
                              size_t count) {
  std::vector<uint8_t> got(4 * count + 4);
  std::vector<float> floats(count);
  switch (network.program().buffers[buffer].kind) {
    case BufferKind::kBits: network.read_bits(workspace, buffer, got.data()); break;
    case BufferKind::kBytes: network.read_bytes(workspace, buffer, got.data()); break;
    case BufferKind::kFloat:
      network.read_floats(workspace, buffer, floats.data());
      std::memcpy(got.data(), floats.data(), 4 * count);
      break;
  }
  return got;
}

void compare(Network& network, Expected& expected, int threads, const std::string& name) {
  auto workspace = network.acquire({expected.shape[0], expected.shape[1], expected.shape[2]});
  const auto& program = network.program();
  std::vector<std::pair<int, std::vector<uint8_t>>> outputs;
  for (size_t step = 0; step < program.steps.size(); ++step) {
    network.run(*workspace, expected.given, threads, step, step + 1);
    for (int buffer : program.steps[step]->writes()) {
      const std::string what =
          name + " step " + std::to_string(step) + " buffer " + std::to_string(buffer);
      check(expected.number() == static_cast<int32_t>(step) && expected.number() == buffer, what);
      const auto size = static_cast<size_t>(expected.number());
      const auto count = static_cast<size_t>(expected.number());
      const auto got = contents(network, *workspace, buffer, count);
      check(same(got.data(), expected.take(size * count), count, size == 4), what);
      for (const auto& [output, index] : program.outputs) {
        if (index == buffer) outputs.emplace_back(buffer, got);
      }
    }
  }
  check(expected.at_end(), name + ": all expected values were compared");
  // In one go, where steps run side by side, with whatever memory holds from the first run.
  network.run(*workspace, expected.given, threads, 0, program.steps.size());
  for (size_t i = outputs.size(); i-- > 0;) {
    const auto& [buffer, bytes] = outputs[i];
    const bool last = std::none_of(outputs.begin() + static_cast<long>(i) + 1, outputs.end(),
                                   [&](const auto& later) { return later.first == buffer; });
    const size_t count = bytes.size() / 4 - 1;
    const auto got = contents(network, *workspace, buffer, count);
    check(!last || same(got.data(), bytes.data(), count, true),
          name + " in one go, buffer " + std::to_string(buffer));
  }
  network.give_back(std::move(workspace));
}

void compare(const std::filesystem::path& path, const KernelTable& kernels) {
  const PackedFile file = PackedFile::open(path.string());
  Network network(file, kernels);
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
    const std::string stem = path.stem().string(), other = entry.path().stem().string();
    const bool is_part = entry.path().extension() == ".part";
    const bool is_bases = entry.path().extension() == ".bases";
    if (is_part || is_bases ? other.rfind(stem + ".", 0) != 0
                            : entry.path().extension() != ".expected" || other != stem) {
      continue;
    }
    for (int threads : {1, 2, 5}) {
      const std::string name = other + " " + kernels.name + " threads " + std::to_string(threads);
      Expected expected(entry.path(), is_part);
      if (is_part) {
        compare(*network.part(other.substr(stem.size() + 1)), expected, threads, name);
      } else if (is_bases) {
        const int bases = std::stoi(other.substr(stem.size() + 1));
        Network own(file, kernels, std::make_shared<ThreadPool>(), bases);
        check(own.program().num_bases == bases, name + ": its number of bases");
        compare(own, expected, threads, name);
      } else {
        compare(network, expected, threads, name);
      }
    }
  }
}

}  // namespace

void test_examples(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gnp") continue;
    ++count;
    try {
      for (const KernelTable* kernels : available_kernels()) compare(entry.path(), *kernels);
    } catch (const Error& error) {
      check(false, entry.path().string() + ": " + error.what());
    }
  }
  if (count == 0) stop("no packed files in " + folder);
}

}  // namespace groupnet_test
