#include "mutations.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <iterator>
#include <string>

#include "core/format/packed_file.h"

namespace groupnet_test {

namespace {

constexpr size_t kLength = 8;

// Positions in a file.
struct Range {
  size_t begin = 0, end = 0;
};

size_t find(const Bytes& bytes, const std::string& text, Range within) {
  const auto begin = bytes.begin() + static_cast<long>(within.begin);
  const auto end = bytes.begin() + static_cast<long>(within.end);
  const auto found = std::search(begin, end, text.begin(), text.end());
  return found == end ? within.end : static_cast<size_t>(found - bytes.begin()) + text.size();
}

Range header_of(const Bytes& bytes) {
  if (bytes.size() < kLength) return {};
  uint64_t length = 0;
  for (size_t i = 0; i < kLength; ++i) length |= uint64_t{bytes[i]} << (8 * i);
  return {kLength, kLength + std::min<size_t>(bytes.size() - kLength, length)};
}

// The text of a member of the metadata, whose quotation marks have a backslash before them.
Range member_of(const Bytes& bytes, const std::string& name) {
  const Range header = header_of(bytes);
  const size_t begin = find(bytes, "\"" + name + "\":\"", header);
  size_t end = begin;
  while (end < header.end && !(bytes[end] == '"' && bytes[end - 1] != '\\')) ++end;
  return {begin, end};
}

Range program_of(const Bytes& bytes) { return member_of(bytes, "program"); }

// What the file says about images and results.
Range settings_of(const Bytes& bytes) {
  const Range info = member_of(bytes, "info");
  const size_t begin = find(bytes, "\\\"preprocessing\\\":", info);
  return {begin, find(bytes, "\\\"blocks\\\":", {begin, info.end})};
}

std::string text_of(const Bytes& bytes, Range range) {
  return {bytes.begin() + static_cast<long>(range.begin),
          bytes.begin() + static_cast<long>(range.end)};
}

void replace(Bytes& bytes, Range range, const std::string& text) {
  const size_t end = header_of(bytes).end;
  bytes.erase(bytes.begin() + static_cast<long>(range.begin),
              bytes.begin() + static_cast<long>(range.end));
  bytes.insert(bytes.begin() + static_cast<long>(range.begin), text.begin(), text.end());
  const uint64_t length = end - kLength + text.size() - (range.end - range.begin);
  for (size_t i = 0; i < kLength; ++i) bytes[i] = static_cast<uint8_t>(length >> (8 * i));
}

// Numbers of JSON, without the digits of names.
std::vector<Range> numbers_in(const Bytes& bytes, Range within) {
  std::vector<Range> found;
  for (size_t i = within.begin; i < within.end; ++i) {
    if (!std::isdigit(bytes[i]) && bytes[i] != '-') continue;
    const bool starts =
        i > 0 && std::string(":[, ").find(static_cast<char>(bytes[i - 1])) < std::string::npos;
    const size_t begin = i;
    while (i < within.end && (std::isalnum(bytes[i]) || std::string("+-.").find(static_cast<char>(
                                                            bytes[i])) < std::string::npos)) {
      ++i;
    }
    if (starts) found.push_back({begin, i});
  }
  return found;
}

// Texts within, without their quotation marks: names of members, ops, tensors.
std::vector<Range> texts_in(const Bytes& bytes, Range within) {
  std::vector<size_t> marks;
  for (size_t i = within.begin; i + 1 < within.end; ++i) {
    if (bytes[i] == '\\' && bytes[i + 1] == '"') marks.push_back(i);
  }
  std::vector<Range> found;
  for (size_t i = 0; i + 1 < marks.size(); i += 2) found.push_back({marks[i] + 2, marks[i + 1]});
  return found;
}

class Mutation {
 public:
  Mutation(Bytes bytes, std::mt19937& random) : bytes_(std::move(bytes)), random_(random) {}

  Bytes run() {
    const size_t kind = below(20);
    if (kind < 9) {
      for (size_t i = 0, count = 1 + below(3); i < count; ++i) put_number(program_of(bytes_));
    } else if (kind < 12) {
      for (size_t i = 0, count = 1 + below(3); i < count; ++i) put_number(settings_of(bytes_));
    } else if (kind < 14) {
      put_text(program_of(bytes_));
    } else if (kind < 15) {
      put_text(settings_of(bytes_));
    } else if (kind < 16) {
      put_number(header_of(bytes_));
    } else if (kind < 18) {
      put_weights();
    } else {
      damage();
    }
    seal();
    return std::move(bytes_);
  }

 private:
  size_t below(size_t count) { return random_() % count; }

  template <class T>
  const T& any_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

  std::string other_number(const std::string& known, const std::vector<Range>& all) {
    static const std::vector<std::string> kOdd = {
        "-1", "0", "99999999999", "2147483648", "2147483647", "65536", "1e30", "0.5", "null"};
    switch (below(6)) {
      case 0: return any_of(kOdd);
      case 1: return text_of(bytes_, any_of(all));
      case 2: return std::to_string(1 << below(13));
      case 3: return std::to_string(std::atoll(known.c_str()) + 1);
      case 4: return std::to_string(std::atoll(known.c_str()) - 1);
      default: return std::to_string(below(10));
    }
  }

  void put_number(Range within) {
    const std::vector<Range> all = numbers_in(bytes_, within);
    if (all.empty()) return;
    const Range chosen = any_of(all);
    replace(bytes_, chosen, other_number(text_of(bytes_, chosen), all));
  }

  void put_text(Range within) {
    const std::vector<Range> all = texts_in(bytes_, within);
    if (!all.empty()) replace(bytes_, any_of(all), text_of(bytes_, any_of(all)));
  }

  void put_weights() {
    const size_t start = header_of(bytes_).end;
    if (start == bytes_.size()) return;
    for (size_t i = 0, count = 1 + below(30); i < count; ++i) {
      bytes_[start + below(bytes_.size() - start)] = static_cast<uint8_t>(random_());
    }
  }

  void damage() {
    switch (below(4)) {
      case 0: bytes_.resize(below(bytes_.size())); break;
      case 1: bytes_[below(bytes_.size())] ^= static_cast<uint8_t>(1u << below(8)); break;
      case 2: bytes_[below(kLength)] = static_cast<uint8_t>(random_()); break;
      default:  // characters of the header
        for (size_t i = 0, count = 1 + below(3); i < count; ++i) {
          bytes_[kLength + below(header_of(bytes_).end - kLength)] =
              static_cast<uint8_t>(below(96) + 32);
        }
    }
  }

  // Where there still are digits of a checksum.
  void seal() {
    const size_t start = find(bytes_, "\"crc32\":\"", header_of(bytes_));
    if (start + 8 > header_of(bytes_).end) return;
    const auto digits = bytes_.begin() + static_cast<long>(start);
    std::fill_n(digits, 8, uint8_t{'0'});
    char right[9];
    std::snprintf(right, sizeof right, "%08x", groupnet::crc32(0, bytes_.data(), bytes_.size()));
    std::copy_n(right, 8, digits);
  }

  Bytes bytes_;
  std::mt19937& random_;
};

}  // namespace

Bytes mutate(Bytes bytes, std::mt19937& random) { return Mutation(std::move(bytes), random).run(); }

bool is_sealed(const Bytes& bytes) {
  const size_t start = find(bytes, "\"crc32\":\"", header_of(bytes));
  if (start + 8 > header_of(bytes).end) return false;
  Bytes blank = bytes;
  std::fill_n(blank.begin() + static_cast<long>(start), 8, uint8_t{'0'});
  char right[9];
  std::snprintf(right, sizeof right, "%08x", groupnet::crc32(0, blank.data(), blank.size()));
  return text_of(bytes, {start, start + 8}) == right;
}

}  // namespace groupnet_test
