// The container of a packed file: named tensors, and strings about them
// (docs/reference/packed-format.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace groupnet {

struct Tensor {
  std::string dtype;  // U8, I8, I16, I32 or F32
  std::vector<int64_t> shape;
  const uint8_t* data = nullptr;  // not aligned
  size_t num_bytes = 0;

  int64_t numel() const;
};

class PackedFile {
 public:
  // Throws Error where the file is missing, cut short, changed, of another kind or version.
  static PackedFile open(const std::string& path);
  // `name` for messages.
  static PackedFile parse(std::vector<uint8_t> bytes, const std::string& name);

  const std::string& program() const { return program_; }
  const std::string& info() const { return info_; }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<uint8_t> bytes_;
  std::string program_, info_;
  std::map<std::string, Tensor> tensors_;
};

// CRC-32 (ISO-HDLC, as zlib's) of `bytes`, going on from `crc`.
uint32_t crc32(uint32_t crc, const uint8_t* bytes, size_t size);

}  // namespace groupnet
