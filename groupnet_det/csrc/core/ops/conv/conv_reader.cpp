// Convolutions from JSON.
#include <cstdlib>

#include "core/error.h"
#include "core/format/readers/part_reader.h"
#include "core/format/readers/tensor_access.h"
#include "core/ops/conv/conv.h"

namespace groupnet {

namespace {

const char* weight_type(BufferKind kind) {
  switch (kind) {
    case BufferKind::kBits: return "U8";
    case BufferKind::kBytes: return "I8";
    case BufferKind::kFloat: break;
  }
  return "F32";
}

void check_unused_bits(const Tensor& weight, int channels, const std::string& where) {
  int used = channels % 8;
  if (used == 0) return;
  size_t stride = static_cast<size_t>(weight.shape[3]);
  for (size_t i = stride - 1; i < weight.num_bytes; i += stride) {
    require(weight.data[i] >> used == 0, where + ": unused bits of its weights are not 0");
  }
}

void check_byte_sums(const Tensor& weight, const std::string& where) {
  const int64_t per_channel = weight.numel() / weight.shape[0];
  const uint8_t* next = weight.data;
  for (int64_t c = 0; c < weight.shape[0]; ++c) {
    int64_t sum = 0;
    for (int64_t i = 0; i < per_channel; ++i) sum += std::abs(static_cast<int8_t>(*next++));
    require(sum * 255 < (int64_t{1} << 31), where + ": sums of its weights may overflow");
  }
}

class ConvReader {
 public:
  explicit ConvReader(const PartReader& reader) : reader_(reader) {}

  std::unique_ptr<Step> read(const Json& json, const std::string& where) {
    const auto& branches = parts(json.at("branches", where), where + ".branches", 1);
    for (size_t i = 0; i < branches.size(); ++i) {
      conv_->branches.push_back(
          read_branch(branches[i], where + ".branches[" + std::to_string(i) + "]"));
    }
    if (const Json* join = json.find("join", where)) {
      conv_->join = read_join(*join, where + ".join");
    }
    for (const BranchSpec& branch : conv_->branches) {
      require(branch.sinks.has_value() != conv_->join.has_value(),
              where + ": either its branches have sinks or its join has");
    }
    return std::move(conv_);
  }

 private:
  BranchSpec read_branch(const Json& json, const std::string& where) {
    BranchSpec branch;
    const auto& terms = parts(json.at("terms", where), where + ".terms", 1);
    for (size_t i = 0; i < terms.size(); ++i) {
      branch.terms.push_back(read_term(terms[i], where + ".terms[" + std::to_string(i) + "]"));
    }
    if (json.find("residual", where) != nullptr) {
      branch.residual =
          reader_.buffer_of(json, "residual", where, conv_->out_channels, BufferKind::kFloat);
    }
    branch.residual_factor = whole(json, "residual_factor", 0, kMaxWindow, where, 1);
    require(branch.residual >= 0 || branch.residual_factor == 1,
            where + " has a residual_factor without a residual");
    branch.final = reader_.read_map(json, "final", where, conv_->out_channels);
    branch.sinks =
        reader_.read_sinks(json.find("sinks", where), where + ".sinks", conv_->out_channels);
    return branch;
  }

  TermSpec read_term(const Json& json, const std::string& where) {
    TermSpec term;
    term.input = reader_.buffer_index(json.at("input", where), where + ".input");
    const BufferSpec& input = reader_.buffer(term.input);
    const bool bits = input.kind == BufferKind::kBits;
    term.kind = input.kind;
    term.conv = read_window(json, where);
    term.weight = reader_.read_weight(json, where, weight_type(input.kind), term.conv);
    int out_channels = static_cast<int>(term.weight.shape[0]);
    require(conv_->out_channels == 0 || conv_->out_channels == out_channels,
            where + ": the convolutions of a step have different numbers of output channels");
    conv_->out_channels = out_channels;
    require(term.weight.shape[3] == (bits ? (input.channels + 7) / 8 : input.channels),
            where + ": its weights are not for the channels of its input");
    int64_t positions = term.weight.numel() / out_channels * (bits ? 8 : 1);
    // So that float32 holds the counts exactly.
    require(positions < (int64_t{1} << 24), where + ": its sums have more than 2^24 terms");
    if (bits) check_unused_bits(term.weight, input.channels, where);
    if (input.kind == BufferKind::kBytes) check_byte_sums(term.weight, where);
    read_offset(json, where, term);
    term.map = reader_.read_map(json, "map", where, out_channels);
    return term;
  }

  void read_offset(const Json& json, const std::string& where, TermSpec& term) {
    if (json.find("offset", where) == nullptr) return;
    require(term.kind == BufferKind::kBits, where + ": an offset belongs to convolutions of bits");
    term.offset = reader_.read_offsets(json, where, term.weight.shape[0]);
  }

  JoinSpec read_join(const Json& json, const std::string& where) {
    JoinSpec join;
    auto num_branches = static_cast<int64_t>(conv_->branches.size());
    join.scales = reader_.channels_of(json, "scales", where, {num_branches});
    if (const Json* alias = json.find("alias", where)) join.alias = alias->as_bool("alias");
    Channels gate = reader_.channels_of(json, "gate", where, {2});
    if (!gate.empty()) join.gate = {gate[0], gate[1]};
    join.merged =
        reader_.read_sinks(json.find("merged", where), where + ".merged", conv_->out_channels);
    join.branches.resize(static_cast<size_t>(num_branches));
    if (const Json* list = json.find("branches", where)) {
      const auto& sinks = list->as_array(where + ".branches");
      require(sinks.empty() || sinks.size() == conv_->branches.size(),
              where + ".branches is not one for each branch");
      for (size_t i = 0; i < sinks.size(); ++i) {
        join.branches[i] = reader_.read_sinks(&sinks[i], where + ".branches", conv_->out_channels);
      }
    }
    return join;
  }

  const PartReader& reader_;
  std::unique_ptr<Conv> conv_ = std::make_unique<Conv>();
};

}  // namespace

std::unique_ptr<Step> read_conv(const PartReader& reader, const Json& json,
                                const std::string& where) {
  return ConvReader(reader).read(json, where);
}

}  // namespace groupnet
