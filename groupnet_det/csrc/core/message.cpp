#include "core/message.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>

#include "core/format/json/utf8.h"

namespace groupnet {

namespace {

constexpr size_t kMaxReason = 400;

struct CodeRange {
  uint32_t first, last;
};

// Controls, separators of lines, marks of direction, and what has no width (Unicode: Cc, Zl, Zp,
// Cf).
constexpr CodeRange kHidden[] = {{0, 0x1F},        {0x7F, 0x9F},      {0xAD, 0xAD},
                                 {0x61C, 0x61C},   {0x180E, 0x180E},  {0x200B, 0x200F},
                                 {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFEFF, 0xFEFF},
                                 {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};

bool is_hidden(uint32_t code) {
  return std::any_of(std::begin(kHidden), std::end(kHidden), [&](const CodeRange& range) {
    return range.first <= code && code <= range.last;
  });
}

std::string escaped(uint32_t code) {
  char text[11];
  const char* format = code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text, sizeof text, format, static_cast<unsigned>(code));
  return text;
}

}  // namespace

std::string legible(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    Character next = first_character(text);
    if (next.size == 0) {
      next = {1, static_cast<uint8_t>(text[0])};
      result += escaped(next.code);
    } else if (is_hidden(next.code)) {
      result += escaped(next.code);
    } else {
      result += text.substr(0, next.size);
    }
    text.remove_prefix(next.size);
  }
  return result;
}

std::string shortened(std::string_view text, size_t most) {
  // Much longer texts than are shown need not be looked at.
  std::string result = legible(text.substr(0, most + 4));
  if (text.size() <= most && result.size() <= most) return result;
  size_t size = std::min(most, result.size());
  while (size > 0 && (static_cast<uint8_t>(result[size]) & 0xC0) == 0x80) --size;
  return result.substr(0, size) + "...";
}

std::string quoted(std::string_view text) { return "'" + shortened(text) + "'"; }

Error unusable(const std::string& file, const Error& reason) {
  return Error(file + " cannot be used: " + shortened(reason.what(), kMaxReason));
}

}  // namespace groupnet
