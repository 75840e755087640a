#include "core/format/program.h"

namespace groupnet {

namespace {

void append(std::vector<int>& list, const std::vector<int>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

std::vector<int> SinksSpec::buffers() const {
  std::vector<int> result;
  if (float_buffer >= 0) result.push_back(float_buffer);
  for (const auto& sink : bits) result.push_back(sink.buffer);
  for (const auto& sink : levels) result.push_back(sink.buffer);
  for (const auto& sink : bytes) result.push_back(sink.buffer);
  return result;
}

std::vector<const SinksSpec*> StepSpec::sinks() const {
  if (op == Op::kStem) return {&stem.sinks};
  if (op == Op::kInput) return {&input.sinks};
  std::vector<const SinksSpec*> result;
  for (const auto& branch : conv.branches) {
    if (branch.sinks) result.push_back(&*branch.sinks);
  }
  if (conv.join) {
    if (conv.join->merged) result.push_back(&*conv.join->merged);
    for (const auto& sinks : conv.join->branches) {
      if (sinks) result.push_back(&*sinks);
    }
  }
  return result;
}

std::vector<int> StepSpec::written() const {
  if (moves()) return {move.output};
  std::vector<int> result;
  for (const SinksSpec* sink : sinks()) append(result, sink->buffers());
  return result;
}

std::vector<int> StepSpec::residuals() const {
  std::vector<int> result;
  for (const auto& branch : conv.branches) {
    if (branch.residual >= 0) result.push_back(branch.residual);
  }
  return result;
}

std::vector<int> StepSpec::convolved() const {
  std::vector<int> result;
  for (const auto& branch : conv.branches) {
    for (const auto& term : branch.terms) result.push_back(term.input);
  }
  return result;
}

std::vector<int> StepSpec::read() const {
  if (moves()) return {move.input};
  std::vector<int> result = convolved();
  append(result, residuals());
  return result;
}

}  // namespace groupnet
