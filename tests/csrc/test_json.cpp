// JSON as RFC 8259 has it and nothing else, within the limits of docs/reference/packed-format.md.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/format/json/json.h"
#include "core/format/packed_file.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

constexpr size_t kMaxHeader = size_t{1} << 24, kMaxValues = size_t{1} << 20;

// Why a text is refused; empty where it is not.
std::string refusal(const std::string& text) {
  try {
    Json::parse(text);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void test_numbers() {
  for (const char* text : {"0", "-0", "7", "-10", "1e5", "0.5", "-0.0E-7", "12.50e+3", "1e-400"}) {
    check(refusal(text).empty(), std::string(text) + " is a number: " + refusal(text));
  }
  for (const char* text : {"01", "-007", "00.5", "1.", "1.e5", ".5", "+1.5", "-", "1e", "1e+",
                           "--1", "0x1", "1e400", "9223372036854775808", "NaN", "-Infinity"}) {
    check(!refusal(text).empty(), std::string(text) + " is no number");
  }
  const std::string zeros(400, '0');
  for (const std::string& text :
       std::vector<std::string>{"0." + zeros + "1", "1e-99999999999999999999", "0e999",
                                "1" + zeros + "e-400", "-0." + zeros + "1e+5"}) {
    check(refusal(text).empty() && std::abs(Json::parse(text).as_number("")) <= 1, text);
  }
  for (const std::string& text :
       std::vector<std::string>{"1" + zeros + ".0", "1e99999999999999999999", "-2e+400",
                                "0." + zeros + "1e999", "1" + zeros + "e-5"}) {
    check(mentions(refusal(text), "too large"), text + " is too large");
  }
  check(Json::parse("-9223372036854775808").as_integer("") == INT64_MIN, "the least number");
  check(Json::parse("-12.5e1").as_number("") == -125, "a number with an exponent");
}

void test_texts() {
  for (const char* text : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    const std::string quoted = "\"" + std::string(text) + "\"";
    check(refusal(quoted).empty() && Json::parse(quoted).as_string("") == text, "a character");
  }
  // Cut, alone, in a form that is too long, half of a pair, too large.
  for (const char* text : {"\xff", "\x80", "\xc2", "\xc3(", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf",
                           "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
                           "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80"}) {
    check(refusal("\"" + std::string(text) + "\"") == "JSON is no UTF-8", "no character");
  }
  check(Json::parse("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"").as_string("") ==
            "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
        "characters by their numbers");
  check(!refusal("\"\\ud83d\"").empty() && !refusal("\"\\ude00\\ud83d\"").empty(), "half a pair");
}

void test_limits() {
  std::string list = "[0";
  for (size_t i = 0; i < kMaxValues - 1; ++i) list += ",0";
  check(refusal(list + "]").empty(), "as many values as are allowed");
  check(refusal(list + ",0]") == "JSON has more than 2^20 values", "too many values");
  for (size_t length : {kMaxHeader, kMaxHeader + 1}) {
    std::vector<uint8_t> bytes(8 + length, ' ');
    for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(length >> (8 * i));
    try {
      PackedFile::parse(bytes, "a file of spaces");
      check(false, "spaces are no packed file");
    } catch (const Error& error) {
      check(mentions(error.what(), "16 MiB") == (length > kMaxHeader), error.what());
    }
  }
}

}  // namespace

void test_json() {
  test_numbers();
  test_texts();
  test_limits();
}

}  // namespace groupnet_test
