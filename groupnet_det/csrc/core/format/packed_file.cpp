#include "core/format/packed_file.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "core/format/json/json.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr const char* kFormat = "groupnet_det.packed";
constexpr const char* kVersion = "1";
constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxBytes = size_t{1} << 30;
constexpr size_t kMaxHeader = size_t{1} << 24;

size_t bytes_of(const std::string& dtype) {
  static const std::map<std::string, size_t> kBytes = {
      {"U8", 1}, {"I8", 1}, {"I16", 2}, {"I32", 4}, {"F32", 4}};
  auto found = kBytes.find(dtype);
  require(found != kBytes.end(),
          "tensors of type " + quoted(dtype) + " do not belong in a packed file");
  return found->second;
}

Tensor read_tensor(const Json& entry, const std::string& name, const uint8_t* data, size_t size) {
  const std::string what = "tensor " + quoted(name);
  Tensor tensor;
  tensor.dtype = entry.at("dtype", what).as_string(what);
  size_t count = bytes_of(tensor.dtype);
  for (const Json& side : entry.at("shape", what).as_array(what)) {
    int64_t n = side.as_integer(what);
    require(n > 0 && count <= kMaxBytes / static_cast<size_t>(n),
            what + " has an impossible shape");
    tensor.shape.push_back(n);
    count *= static_cast<size_t>(n);
  }
  const auto& range = entry.at("data_offsets", what).as_array(what);
  require(range.size() == 2, what + " has no two data_offsets");
  int64_t begin = range[0].as_integer(what), end = range[1].as_integer(what);
  require(0 <= begin && begin <= end && static_cast<uint64_t>(end) <= size,
          what + " lies outside of the file");
  require(static_cast<size_t>(end - begin) == count, what + " has not the bytes of its shape");
  tensor.data = data + begin;
  tensor.num_bytes = count;
  return tensor;
}

// CRC-32 of the whole file in which the digits of the checksum are zeros.
std::string own_checksum(const std::vector<uint8_t>& bytes, size_t header_end) {
  static constexpr std::string_view kKey = "\"crc32\":\"", kBlank = "00000000";
  std::string_view header(reinterpret_cast<const char*>(bytes.data()), header_end);
  size_t found = header.find(kKey);
  size_t start = found + kKey.size(), end = start + kBlank.size();
  require(found != std::string_view::npos && header.find(kKey, start) == std::string_view::npos &&
              end < header_end && header[end] == '"',
          "its header has not one checksum of 8 digits");
  uint32_t crc = crc32(0, bytes.data(), start);
  crc = crc32(crc, reinterpret_cast<const uint8_t*>(kBlank.data()), kBlank.size());
  crc = crc32(crc, bytes.data() + end, bytes.size() - end);
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", crc);
  return digits;
}

std::array<std::array<uint32_t, 256>, 8> make_crc_tables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0);
    tables[0][i] = value;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (size_t t = 1; t < 8; ++t) {
      tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xFF];
    }
  }
  return tables;
}

}  // namespace

int64_t Tensor::numel() const {
  int64_t count = 1;
  for (int64_t side : shape) count *= side;
  return count;
}

uint32_t crc32(uint32_t crc, const uint8_t* bytes, size_t size) {
  static const auto kTables = make_crc_tables();
  crc = ~crc;
  for (; size >= 8; size -= 8, bytes += 8) {  // eight bytes at once
    uint32_t low, high;
    std::memcpy(&low, bytes, 4);
    std::memcpy(&high, bytes + 4, 4);
    low ^= crc;
    crc = 0;
    for (int i = 0; i < 4; ++i) {
      crc ^= kTables[7 - i][(low >> (8 * i)) & 0xFF] ^ kTables[3 - i][(high >> (8 * i)) & 0xFF];
    }
  }
  for (; size > 0; --size, ++bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ *bytes) & 0xFF];
  return ~crc;
}

PackedFile PackedFile::open(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  require(file != nullptr, path + " cannot be opened");
  std::vector<uint8_t> bytes;
  uint8_t chunk[1 << 16];
  size_t got;
  while ((got = std::fread(chunk, 1, sizeof chunk, file.get())) > 0) {
    require(bytes.size() + got <= kMaxBytes, path + " is larger than 1 GiB");
    bytes.insert(bytes.end(), chunk, chunk + got);
  }
  require(std::ferror(file.get()) == 0, path + " cannot be read");
  return parse(std::move(bytes), path);
}

PackedFile PackedFile::parse(std::vector<uint8_t> bytes, const std::string& name) {
  try {
    PackedFile file;
    file.bytes_ = std::move(bytes);
    const uint8_t* start = file.bytes_.data();
    size_t size = file.bytes_.size();
    require(size >= kLengthBytes, "it is cut short");
    require(size <= kMaxBytes, "it is larger than 1 GiB");
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{start[i]} << (8 * i);
    require(length <= kMaxHeader, "it is no packed file: its header would be larger than 16 MiB");
    require(length <= size - kLengthBytes,
            "its header is longer than the file: cut short, or no packed file");
    const uint8_t* data = start + kLengthBytes + length;
    size_t data_size = size - kLengthBytes - length;
    Json header = Json::parse({reinterpret_cast<const char*>(start + kLengthBytes), length});
    const Json& metadata = header.at("__metadata__", "the header");
    auto text = [&](const char* key) -> const std::string& {
      return metadata.at(key, "__metadata__").as_string(key);
    };
    require(text("format") == kFormat, "it is no packed file");
    require(text("version") == kVersion, "it has the format version " + quoted(text("version")) +
                                             "; this engine reads " + kVersion +
                                             ": export the model again");
    file.program_ = text("program");
    file.info_ = text("info");
    require(text("crc32") == own_checksum(file.bytes_, kLengthBytes + length),
            "its checksum does not fit its content: it was damaged");
    for (const auto& [key, entry] : header.as_object("the header")) {
      if (key == "__metadata__") continue;
      file.tensors_[key] = read_tensor(entry, key, data, data_size);
    }
    return file;
  } catch (const Error& error) {
    throw unusable(name, error);
  }
}

}  // namespace groupnet
