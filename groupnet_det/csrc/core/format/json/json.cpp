#include "core/format/json/json.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/format/json/real.h"
#include "core/format/json/utf8.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr int kMaxDepth = 32;
constexpr int64_t kMaxValues = 1 << 20;  // each takes some hundred bytes of memory
constexpr std::string_view kDigits = "0123456789";

// No fewer than there are in `text`: each but the first begins after one of these.
int64_t count_values(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return c == ',' || c == '[' || c == '{'; });
}

}  // namespace

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Json read_all() {
    if (count_values(text_) > kMaxValues) throw Error("JSON has more than 2^20 values");
    if (!is_utf8(text_)) throw Error("JSON is no UTF-8");
    Json value = read_value(0);
    skip_space();
    if (position_ != text_.size()) fail("text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw Error("JSON is broken at byte " + std::to_string(position_) + ": " + reason);
  }

  void skip_space() {
    while (next_is(" \t\r\n")) ++position_;
  }

  char peek() const {
    if (position_ >= text_.size()) fail("it ends early");
    return text_[position_];
  }

  void take(char expected) {
    if (peek() != expected) fail(std::string("expected '") + expected + "'");
    ++position_;
  }

  void take_word(std::string_view word) {
    if (text_.substr(position_, word.size()) != word) fail("unknown word");
    position_ += word.size();
  }

  Json read_value(int depth) {
    if (depth > kMaxDepth) fail("nested too deeply");
    skip_space();
    Json value;
    switch (peek()) {
      case '{': read_object(value, depth); break;
      case '[': read_array(value, depth); break;
      case '"':
        value.kind_ = Json::Kind::kString;
        value.string_ = read_string();
        break;
      case 't':
        take_word("true");
        value.kind_ = Json::Kind::kBool;
        value.bool_ = true;
        break;
      case 'f':
        take_word("false");
        value.kind_ = Json::Kind::kBool;
        break;
      case 'n': take_word("null"); break;
      default: read_number(value);
    }
    return value;
  }

  void read_object(Json& value, int depth) {
    value.kind_ = Json::Kind::kObject;
    take('{');
    skip_space();
    if (peek() == '}') {
      ++position_;
      return;
    }
    while (true) {
      skip_space();
      std::string key = read_string();
      skip_space();
      take(':');
      value.object_.emplace_back(std::move(key), read_value(depth + 1));
      skip_space();
      if (peek() == '}') break;
      take(',');
    }
    ++position_;
    check_keys(value);
  }

  void check_keys(const Json& value) const {
    std::vector<std::string_view> keys;
    for (const auto& member : value.object_) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) fail(quoted(*twice) + " stands twice");
  }

  void read_array(Json& value, int depth) {
    value.kind_ = Json::Kind::kArray;
    take('[');
    skip_space();
    if (peek() == ']') {
      ++position_;
      return;
    }
    while (true) {
      value.array_.push_back(read_value(depth + 1));
      skip_space();
      if (peek() == ']') break;
      take(',');
    }
    ++position_;
  }

  std::string read_string() {
    take('"');
    std::string result;
    while (peek() != '"') {
      char c = text_[position_++];
      if (static_cast<unsigned char>(c) < 0x20) fail("control character in a string");
      if (c != '\\') {
        result += c;
        continue;
      }
      read_escape(result);
    }
    ++position_;
    return result;
  }

  void read_escape(std::string& result) {
    static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    char c = peek();
    ++position_;
    if (c == 'u') {
      append_utf8(result, read_code_point());
      return;
    }
    size_t index = kNames.find(c);
    if (index == std::string_view::npos) fail("unknown escape");
    result += kValues[index];
  }

  uint32_t read_hex() {
    uint32_t code = 0;
    auto digits = text_.substr(position_, 4);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || digits.size() != 4 || end != digits.data() + 4) fail("bad \\u");
    position_ += 4;
    return code;
  }

  uint32_t read_code_point() {
    uint32_t code = read_hex();
    if (code < 0xD800 || code > 0xDFFF) return code;
    if (code > 0xDBFF || text_.substr(position_, 2) != "\\u") fail("half of a surrogate pair");
    position_ += 2;
    uint32_t low = read_hex();
    if (low < 0xDC00 || low > 0xDFFF) fail("half of a surrogate pair");
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }

  bool next_is(std::string_view any) const {
    return position_ < text_.size() && any.find(text_[position_]) != std::string_view::npos;
  }

  void take_digits() {
    if (!next_is(kDigits)) fail("not a number");
    while (next_is(kDigits)) ++position_;
  }

  // -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
  void read_number(Json& value) {
    const size_t start = position_;
    if (!next_is("-") && !next_is(kDigits)) fail("no value");
    if (next_is("-")) ++position_;
    const bool starts_with_zero = next_is("0");
    const size_t first = position_;
    take_digits();
    if (starts_with_zero && position_ > first + 1) fail("a number starts with 0");
    const size_t whole = position_;
    if (next_is(".")) {
      ++position_;
      take_digits();
    }
    if (next_is("eE")) {
      ++position_;
      if (next_is("+-")) ++position_;
      take_digits();
    }
    const auto number = text_.substr(start, position_ - start);
    if (position_ == whole) {
      read_integer(number, value);
    } else {
      read_real(number, value);
    }
  }

  void read_integer(std::string_view number, Json& value) const {
    const auto [_, error] =
        std::from_chars(number.data(), number.data() + number.size(), value.integer_);
    if (error != std::errc()) fail("a whole number has more than 64 bits");
    value.kind_ = Json::Kind::kInteger;
  }

  void read_real(std::string_view number, Json& value) const {
    if (!to_real(number, value.real_)) fail("a number is too large");
    value.kind_ = Json::Kind::kReal;
  }

  std::string_view text_;
  size_t position_ = 0;
};

Json Json::parse(std::string_view text) { return JsonReader(text).read_all(); }

void Json::expect(Kind kind, const char* name, const std::string& what) const {
  if (kind_ != kind) throw Error(what + " is not " + name);
}

bool Json::as_bool(const std::string& what) const {
  expect(Kind::kBool, "true or false", what);
  return bool_;
}

int64_t Json::as_integer(const std::string& what) const {
  expect(Kind::kInteger, "a whole number", what);
  return integer_;
}

double Json::as_number(const std::string& what) const {
  if (kind_ == Kind::kInteger) return static_cast<double>(integer_);
  expect(Kind::kReal, "a number", what);
  return real_;
}

const std::string& Json::as_string(const std::string& what) const {
  expect(Kind::kString, "a string", what);
  return string_;
}

const std::vector<Json>& Json::as_array(const std::string& what) const {
  expect(Kind::kArray, "a list", what);
  return array_;
}

const std::vector<std::pair<std::string, Json>>& Json::as_object(const std::string& what) const {
  expect(Kind::kObject, "an object", what);
  return object_;
}

const Json* Json::find(const std::string& key, const std::string& what) const {
  for (const auto& [name, value] : as_object(what)) {
    if (name == key) return value.kind_ == Kind::kNull ? nullptr : &value;
  }
  return nullptr;
}

const Json& Json::at(const std::string& key, const std::string& what) const {
  const Json* value = find(key, what);
  if (value == nullptr) throw Error(what + " has no '" + key + "'");
  return *value;
}

}  // namespace groupnet
