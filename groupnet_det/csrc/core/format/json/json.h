// A strict reader of JSON (RFC 8259), of bounded depth and memory, for headers of packed files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace groupnet {

class Json {
 public:
  enum class Kind { kNull, kBool, kInteger, kReal, kString, kArray, kObject };

  // Throws Error where `text` is not one JSON value, or is nested deeper than 32, or has more than
  // 2^20 commas and opening brackets.
  static Json parse(std::string_view text);

  Kind kind() const { return kind_; }
  // Each throws Error, naming `what`, where the value is of another kind.
  bool as_bool(const std::string& what) const;
  int64_t as_integer(const std::string& what) const;
  double as_number(const std::string& what) const;
  const std::string& as_string(const std::string& what) const;
  const std::vector<Json>& as_array(const std::string& what) const;
  const std::vector<std::pair<std::string, Json>>& as_object(const std::string& what) const;

  // The member called `key` of an object, or null where it is missing or null.
  const Json* find(const std::string& key, const std::string& what) const;
  // The same; throws Error where it is missing.
  const Json& at(const std::string& key, const std::string& what) const;

 private:
  friend class JsonReader;
  void expect(Kind kind, const char* name, const std::string& what) const;

  Kind kind_ = Kind::kNull;
  bool bool_ = false;
  int64_t integer_ = 0;
  double real_ = 0;
  std::string string_;
  std::vector<Json> array_;
  std::vector<std::pair<std::string, Json>> object_;
};

}  // namespace groupnet
