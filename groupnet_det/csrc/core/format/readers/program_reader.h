// From the JSON of a packed file to a Program.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/format/json/json.h"
#include "core/format/program.h"
#include "core/format/readers/part_reader.h"

namespace groupnet {

// Reads a step, all but its name; throws Error, calling it `where`.
using ReadStep = std::unique_ptr<Step>(const PartReader& reader, const Json& json,
                                       const std::string& where);
// By the `op` of the file.
using Operations = std::map<std::string, ReadStep*>;

// The program that runs `bases` bases, or with 0 the one that runs the most. Throws Error where
// there is none, or where it does not fit the format or its tensors. `file` must outlive it.
Program read_program(const PackedFile& file, const Operations& operations, int bases = 0);

}  // namespace groupnet
