// Files that were cut, changed or forged: an Error or a network, never a crash.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/network.h"
#include "include/groupnet.h"

namespace groupnet_test {

namespace {

using namespace groupnet;
using Bytes = std::vector<uint8_t>;

// Put the right checksum into a changed file, so that more than the checksum is tested.
void mend_checksum(Bytes& bytes) {
  static const std::string kKey = "\"crc32\":\"", kBlank = "00000000";
  auto found = std::search(bytes.begin(), bytes.end(), kKey.begin(), kKey.end());
  if (bytes.end() - found < static_cast<long>(kKey.size() + kBlank.size())) return;
  auto digits = found + static_cast<long>(kKey.size());
  std::copy(kBlank.begin(), kBlank.end(), digits);
  char mended[9];
  std::snprintf(mended, sizeof mended, "%08x", crc32(0, bytes.data(), bytes.size()));
  std::copy(mended, mended + 8, digits);
}

size_t header_end(const Bytes& bytes) {
  uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= uint64_t{bytes[i]} << (8 * i);
  return std::min<size_t>(bytes.size(), 8 + length);
}

void put_number(Bytes& bytes, std::mt19937& random) {
  static const char* kNumbers[] = {"-1", "0", "99999999999", "2147483648", "4096", "1e30", "7"};
  std::vector<size_t> starts;
  for (size_t i = 9; i < header_end(bytes); ++i) {
    if (std::isdigit(bytes[i]) && !std::isdigit(bytes[i - 1])) starts.push_back(i);
  }
  if (starts.empty()) return;
  size_t start = starts[random() % starts.size()], end = start;
  while (end < bytes.size() && std::isdigit(bytes[end])) ++end;
  std::string number = kNumbers[random() % std::size(kNumbers)];
  bytes.erase(bytes.begin() + static_cast<long>(start), bytes.begin() + static_cast<long>(end));
  bytes.insert(bytes.begin() + static_cast<long>(start), number.begin(), number.end());
  uint64_t length = header_end(bytes) - 8 + number.size() - (end - start);
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(length >> (8 * i));
}

Bytes mutate(Bytes bytes, std::mt19937& random) {
  switch (random() % 6) {
    case 0: bytes.resize(random() % bytes.size()); break;
    case 1: bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1u << (random() % 8)); break;
    case 2: bytes[random() % 8] = static_cast<uint8_t>(random()); break;
    case 3: {  // characters of the header
      for (unsigned i = 0; i <= random() % 3; ++i) {
        bytes[8 + random() % (header_end(bytes) - 8)] = static_cast<uint8_t>(random() % 96 + 32);
      }
      break;
    }
    default: put_number(bytes, random);
  }
  if (random() % 4 != 0) mend_checksum(bytes);
  return bytes;
}

void run_part(Network& network) {
  auto workspace = network.acquire({2, 6, 6});
  std::vector<float> maps(
      static_cast<size_t>(2 * 6 * 6) * static_cast<size_t>(network.program().input_channels), 0.5f);
  network.run(*workspace, {nullptr, maps.data()}, 1, 0, network.program().steps.size());
}

void try_file(const Bytes& bytes, int& refused, int& ran) {
  try {
    Network network(PackedFile::parse(bytes, "mutated"), *available_kernels().front());
    for (const std::string& name : network.parts()) run_part(*network.part(name));
    auto workspace = network.acquire({1, 19, 23});
    std::vector<uint8_t> image(
        static_cast<size_t>(19 * 23) * static_cast<size_t>(network.program().input_channels), 77);
    network.run(*workspace, image.data(), 1);
    ++ran;
  } catch (const Error&) {
    ++refused;
  }
}

// The same through the C interface, which reads what the file says about itself too.
void try_interface(const Bytes& bytes) {
  static const Bytes image(30 * 40 * 3, 77);
  groupnet_error error;
  groupnet_model* model = groupnet_open_bytes(bytes.data(), bytes.size(), &error);
  check((model == nullptr) == (error.message[0] != '\0'), "an error has a message");
  if (model == nullptr) return;
  groupnet_result* result = groupnet_run(model, image.data(), 30, 40, 1, &error);
  check((result == nullptr) == (error.message[0] != '\0'), "an error has a message");
  groupnet_free(result);
  groupnet_close(model);
}

}  // namespace

void test_broken_files(const std::string& folder, int mutations) {
  std::vector<Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gnp") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::sort(files.begin(), files.end());  // the order of a folder is not fixed
  if (files.empty()) stop("no packed files in " + folder);
  std::mt19937 random(2);
  int refused = 0, ran = 0;
  for (int i = 0; i < mutations; ++i) {
    const Bytes bytes = mutate(files[random() % files.size()], random);
    try_file(bytes, refused, ran);
    try_interface(bytes);
  }
  std::printf("%d mutated files: %d refused, %d harmless\n", mutations, refused, ran);
  check(refused + ran == mutations && (mutations < 100 || (refused > 0 && ran > 0)),
        "mutated files are refused or run");
}

}  // namespace groupnet_test
