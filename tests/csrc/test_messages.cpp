// What messages make of the texts that they quote.
#include <string>

#include "check.h"
#include "core/format/json/utf8.h"
#include "core/message.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

void is(const std::string& got, const std::string& expected) {
  check(got == expected, got + " is " + expected);
}

}  // namespace

void test_messages() {
  is(legible("a b\xc3\xa9\xf0\x9f\x98\x80"), "a b\xc3\xa9\xf0\x9f\x98\x80");
  is(legible("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  is(legible("\xc2\x85\xe2\x80\xae\xf3\xa0\x80\x81"), "\\x85\\u202e\\U000e0001");
  is(legible("\xff\xc3"), "\\xff\\xc3");
  is(legible(std::string("\0", 1)), "\\x00");
  is(shortened("abcd", 4), "abcd");
  is(shortened("abcde", 4), "abcd...");
  is(shortened("\xc3\xa9\xc3\xa9", 3), "\xc3\xa9...");  // at a whole character
  is(shortened("\n\n", 4), "\\x0a...");
  is(shortened(std::string(1 << 20, '\n'), 4), "\\x0a...");
  is(quoted("it"), "'it'");
  for (size_t most = 0; most < 40; ++most) {  // wherever it is cut
    const std::string text =
        shortened("a\xe2\x82\xac\xf0\x9f\x98\x80\nb\xc3\xa9 and some more", most);
    check(is_utf8(text) && text.size() <= most + 3, text);
  }
  is(unusable("a.gnp", Error(std::string(5000, 'x'))).what(),
     "a.gnp cannot be used: " + std::string(400, 'x') + "...");
}

}  // namespace groupnet_test
