#include "core/format/json/utf8.h"

namespace groupnet {

namespace {

constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // of a character with so many tails
constexpr uint8_t kLeads[] = {0, 0xC0, 0xE0, 0xF0};       // of its first byte

// How many bytes follow the first one of a character; -1 where it is none.
int tails_of(uint8_t lead) {
  if (lead < 0x80) return 0;
  if (lead < 0xC0 || lead > 0xF7) return -1;
  return lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
}

}  // namespace

Character first_character(std::string_view text) {
  constexpr Character kNone{0, 0};
  if (text.empty()) return kNone;
  const auto lead = static_cast<uint8_t>(text[0]);
  const int tails = tails_of(lead);
  if (tails < 0 || text.size() <= static_cast<size_t>(tails)) return kNone;
  uint32_t code = lead ^ kLeads[tails];
  for (int t = 1; t <= tails; ++t) {
    const auto tail = static_cast<uint8_t>(text[static_cast<size_t>(t)]);
    if ((tail & 0xC0) != 0x80) return kNone;
    code = code << 6 | (tail & 0x3F);
  }
  const bool is_half = 0xD800 <= code && code <= 0xDFFF;
  if (code < kLeast[tails] || code > 0x10FFFF || is_half) return kNone;
  return {static_cast<size_t>(tails) + 1, code};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = first_character(text).size;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void append_utf8(std::string& text, uint32_t code) {
  int tails = 0;
  while (tails < 3 && code >= kLeast[tails + 1]) ++tails;
  text += static_cast<char>(kLeads[tails] | (code >> (6 * tails)));
  while (tails-- > 0) text += static_cast<char>(0x80 | ((code >> (6 * tails)) & 0x3F));
}

}  // namespace groupnet
