// Tensors of a packed file by name, with the type and shape that a program needs.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/format/packed_file.h"
#include "core/message.h"

namespace groupnet {

inline std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

inline const Tensor& find_tensor(const PackedFile& file, const std::string& name,
                                 const std::string& dtype) {
  auto found = file.tensors().find(name);
  require(found != file.tensors().end(), "it has no tensor " + quoted(name));
  const Tensor& tensor = found->second;
  require(tensor.dtype == dtype,
          "tensor " + quoted(name) + " is of type " + tensor.dtype + ", not " + dtype);
  return tensor;
}

inline void require_shape(const Tensor& tensor, const std::string& name,
                          const std::vector<int64_t>& shape) {
  require(tensor.shape == shape, "tensor " + quoted(name) + " has the shape " +
                                     shape_text(tensor.shape) + ", not " + shape_text(shape));
}

template <class T>
std::vector<T> copy_values(const Tensor& tensor) {
  std::vector<T> values(static_cast<size_t>(tensor.numel()));
  if (!values.empty()) std::memcpy(values.data(), tensor.data, tensor.num_bytes);
  return values;
}

}  // namespace groupnet
