// Members of a packed file's "info": each throws Error where one is not what is read here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/format/json/json.h"
#include "core/format/program.h"

namespace groupnet {

// The members of an object: all of `names` and no others; those of `optional` may be missing.
void check_members(const Json& json, const std::string& what,
                   std::initializer_list<const char*> names,
                   std::initializer_list<const char*> optional = {});

// A number rounded to float32: infinite where that does not reach, or refused there.
float to_float(double value);
float read_float(const Json& json, const std::string& what);
std::vector<float> read_floats(const Json& json, const std::string& what);
int64_t read_integer(const Json& json, const std::string& what, int64_t least, int64_t most);
std::vector<std::string> read_texts(const Json& json, const std::string& what);

// The buffer of a program's output, which has that number of channels.
int buffer_of(const Program& program, const std::string& output);
int buffer_of(const Program& program, const std::string& output, int64_t channels);

}  // namespace groupnet
