// The parts that steps of a program have in common: maps, sinks, windows, weights. Nothing of the
// file is trusted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/format/json/json.h"
#include "core/format/packed_file.h"
#include "core/format/program.h"

namespace groupnet {

constexpr int64_t kMaxChannels = 1 << 16;
constexpr int64_t kMaxWindow = 4096;  // of kernels, strides, paddings, dilations and factors

// `value`, where it lies in [low, high]; throws Error, calling it `what`.
int64_t in_range(int64_t value, int64_t low, int64_t high, const std::string& what);

// The whole number called `key` of an object called `where`; `absent` where it has none.
int whole(const Json& json, const char* key, int64_t low, int64_t high, const std::string& where,
          std::optional<int64_t> absent = {});

// A list of `least` to 64 members.
const std::vector<Json>& parts(const Json& json, const std::string& what, size_t least);

// Stride, padding and dilation.
Window read_window(const Json& json, const std::string& where);
// Of a pooling, a square.
Window read_pool(const Json& json, const std::string& where);

class PartReader {
 public:
  // Both must outlive it; of the program, the buffers and the channels of the input are there.
  PartReader(const PackedFile& file, const Program& program)
      : file_(file), program_(program), buffers_(program.buffers) {}

  const Program& program() const { return program_; }
  const BufferSpec& buffer(int index) const { return buffers_[index]; }
  int buffer_index(const Json& json, const std::string& what) const;
  // A buffer of that kind, with that number of channels unless it is 0.
  int buffer_of(const Json& json, const char* key, const std::string& where, int channels,
                BufferKind kind) const;
  // Values of a tensor of floats of that shape; none where it is not named.
  Channels channels_of(const Json& json, const char* key, const std::string& where,
                       std::vector<int64_t> shape) const;
  std::vector<int32_t> read_offsets(const Json& json, const std::string& where,
                                    int64_t channels) const;
  MapSpec read_map(const Json& json, const char* key, const std::string& where, int channels) const;
  std::optional<SinksSpec> read_sinks(const Json* json, const std::string& where,
                                      int channels) const;
  // Those of the member `sinks`, which must be there.
  SinksSpec read_all_sinks(const Json& json, const std::string& where, int channels) const;
  // Weights of four dimensions, the first three checked; sets the size of the kernel.
  const Tensor& read_weight(const Json& json, const std::string& where, const std::string& dtype,
                            Window& window) const;

 private:
  BitsSinkSpec read_bits_sink(const Json& json, const std::string& where, int channels) const;
  LevelsSinkSpec read_levels_sink(const Json& json, const std::string& where, int channels) const;
  BytesSinkSpec read_bytes_sink(const Json& json, const std::string& where, int channels) const;

  const PackedFile& file_;
  const Program& program_;
  const std::vector<BufferSpec>& buffers_;
  mutable std::map<std::string, Channels> channels_;  // tensors that were read
};

}  // namespace groupnet
