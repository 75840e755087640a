// Steps of a program from JSON. Nothing of the file is trusted.
#pragma once

#include <string>

#include "core/format/json/json.h"
#include "core/format/program.h"
#include "core/format/readers/part_reader.h"

namespace groupnet {

class StepReader {
 public:
  // Both must outlive it; of the program, the buffers and the channels of the input are there.
  StepReader(const PackedFile& file, const Program& program)
      : program_(program), part_(file, program.buffers) {}

  // Throws Error, calling the step `where`.
  StepSpec read(const Json& json, const std::string& where) const;

 private:
  using Reader = void (StepReader::*)(const Json&, const std::string&, StepSpec&) const;

  void read_stem(const Json& json, const std::string& where, StepSpec& step) const;
  void read_input(const Json& json, const std::string& where, StepSpec& step) const;
  void read_conv(const Json& json, const std::string& where, StepSpec& step) const;
  void read_mean(const Json& json, const std::string& where, StepSpec& step) const;
  void read_resize(const Json& json, const std::string& where, StepSpec& step) const;
  void read_interpolate(const Json& json, const std::string& where, StepSpec& step) const;
  void read_max_pool(const Json& json, const std::string& where, StepSpec& step) const;
  void read_depth_to_space(const Json& json, const std::string& where, StepSpec& step) const;

  Window read_pool(const Json& json, const std::string& where) const;
  SinksSpec read_all_sinks(const Json& json, const std::string& where, int channels) const;
  // Input and output, float buffers; the output has `channels`.
  void read_move(const Json& json, const std::string& where, StepSpec& step, int channels) const;
  int input_channels(const Json& json, const std::string& where) const;
  BranchSpec read_branch(const Json& json, const std::string& where, StepSpec& step) const;
  TermSpec read_term(const Json& json, const std::string& where, StepSpec& step) const;
  void read_offset(const Json& json, const std::string& where, TermSpec& term) const;
  JoinSpec read_join(const Json& json, const std::string& where, const StepSpec& step) const;

  const Program& program_;
  const PartReader part_;
};

}  // namespace groupnet
