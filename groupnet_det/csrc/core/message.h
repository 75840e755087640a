// Messages that quote texts of files, of whatever length and characters these are.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace groupnet {

// What shows nothing, or moves the cursor of a terminal, written as \x1b or \u2028; bytes that are
// no UTF-8 too.
std::string legible(std::string_view text);

// Legible, and of at most so many bytes; "..." follows where there were more.
std::string shortened(std::string_view text, size_t most = 80);

// The same in quotation marks.
std::string quoted(std::string_view text);

// One line of at most some hundred bytes besides the name of the file.
Error unusable(const std::string& file, const Error& reason);

}  // namespace groupnet
