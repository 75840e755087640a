// UTF-8 as RFC 3629 has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace groupnet {

// Whether `text` holds whole characters alone: none in a longer form than it needs, no half of a
// surrogate pair, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// `code` is at most U+10FFFF.
void append_utf8(std::string& text, uint32_t code);

}  // namespace groupnet
