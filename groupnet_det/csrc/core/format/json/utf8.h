// UTF-8 as RFC 3629 has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace groupnet {

// A character in its place. Its size is 0 where the bytes are no UTF-8.
struct Character {
  size_t size;
  uint32_t code;
};

// The character that `text` begins with.
Character first_character(std::string_view text);

// Whether `text` holds whole characters alone: none in a longer form than it needs, no half of a
// surrogate pair, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// `code` is at most U+10FFFF.
void append_utf8(std::string& text, uint32_t code);

}  // namespace groupnet
