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

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i++]);
    const int tails = tails_of(lead);
    if (tails < 0 || text.size() - i < static_cast<size_t>(tails)) return false;
    uint32_t code = lead ^ kLeads[tails];
    for (int t = 0; t < tails; ++t) {
      const auto tail = static_cast<uint8_t>(text[i++]);
      if ((tail & 0xC0) != 0x80) return false;
      code = code << 6 | (tail & 0x3F);
    }
    const bool is_half = 0xD800 <= code && code <= 0xDFFF;
    if (code < kLeast[tails] || code > 0x10FFFF || is_half) return false;
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
