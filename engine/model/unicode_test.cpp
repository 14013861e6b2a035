#include "engine/model/unicode.h"

#include "engine/model/tokenizer.h"
#include "tests/support/catch.h"

using namespace bh::engine;
using Kind = Utf8Unit::Kind;

namespace {

void starts_with(std::string_view text, Kind kind, std::size_t length) {
  INFO("text of " << text.size() << " bytes, first " << static_cast<int>(static_cast<unsigned char>(text[0])));
  const Utf8Unit unit = next_utf8(text);
  REQUIRE(unit.kind == kind);
  REQUIRE(unit.length == length);
}

}  // namespace

TEST_CASE("every code point is recognised, every surrogate refused") {
  for (std::uint32_t point = 0; point < 0x110000; ++point) {
    std::string text;
    if (point < 0x80) {
      text = {static_cast<char>(point)};
    } else if (point < 0x800) {
      text = {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 63))};
    } else if (point < 0x10000) {
      text = {static_cast<char>(0xE0 | (point >> 12)), static_cast<char>(0x80 | ((point >> 6) & 63)),
              static_cast<char>(0x80 | (point & 63))};
    } else {
      text = {static_cast<char>(0xF0 | (point >> 18)), static_cast<char>(0x80 | ((point >> 12) & 63)),
              static_cast<char>(0x80 | ((point >> 6) & 63)), static_cast<char>(0x80 | (point & 63))};
    }
    const Utf8Unit unit = next_utf8(text);
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    if ((unit.kind == Kind::valid) == surrogate || (!surrogate && unit.length != text.size()))
      FAIL("code point " << point);
  }
}

TEST_CASE("bad UTF-8 is told from UTF-8 that is not complete") {
  starts_with("\x80", Kind::invalid, 1);
  starts_with(
      "\xFF"
      "a",
      Kind::invalid, 1);
  starts_with("\xC0\x80", Kind::invalid, 1);          // overlong
  starts_with("\xE0\x9F\xBF", Kind::invalid, 1);      // overlong
  starts_with("\xF4\x90\x80\x80", Kind::invalid, 1);  // above U+10FFFF
  starts_with(
      "\xE6\x97"
      "a",
      Kind::invalid, 2);
  starts_with("\xE6\x97", Kind::incomplete, 2);
  starts_with("\xF0\x9F\x9A", Kind::incomplete, 3);
  starts_with("\xC3", Kind::incomplete, 1);
  REQUIRE(valid_utf8_prefix("plain ascii of some length, then \xC3\xA9\xFF tail") == 35);
  REQUIRE(valid_utf8_prefix("") == 0);
  REQUIRE(valid_utf8_prefix("12345678\x80") == 8);
}

TEST_CASE("the byte alphabet is GPT-2's and goes both ways") {
  REQUIRE(alphabet_character('!') == "!");
  REQUIRE(alphabet_character(' ') == "\xC4\xA0");   // U+0120
  REQUIRE(alphabet_character('\n') == "\xC4\x8A");  // U+010A
  REQUIRE(alphabet_character(0) == "\xC4\x80");     // U+0100
  REQUIRE(alphabet_character(0xAD) == "\xC5\x83");  // U+0143, the last
  REQUIRE(alphabet_character(0xFF) == "\xC3\xBF");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string text = to_byte_alphabet(all);
  REQUIRE(valid_utf8_prefix(text) == text.size());
  REQUIRE(from_byte_alphabet(text) == all);
  REQUIRE_FALSE(from_byte_alphabet("a b"));       // a space stands for no byte
  REQUIRE_FALSE(from_byte_alphabet("\xC5\x84"));  // U+0144, one beyond
  REQUIRE_FALSE(from_byte_alphabet("\xE2\x96\x81"));
  REQUIRE_FALSE(from_byte_alphabet("\xFF"));
}

TEST_CASE("a UTF-8 stream holds back what is not complete and replaces what never will be") {
  Utf8Stream stream;
  REQUIRE(stream.push("a\xF0\x9F") == "a");
  REQUIRE(stream.push("\x9A") == "");
  REQUIRE(stream.push("\x80"
                      "b\xC3") ==
          "\xF0\x9F\x9A\x80"
          "b");
  REQUIRE(stream.push("c") ==
          "\xEF\xBF\xBD"
          "c");
  REQUIRE(stream.push("\xFF\xE6\x97") == "\xEF\xBF\xBD");
  REQUIRE(stream.finish() == "\xEF\xBF\xBD");
  REQUIRE(stream.finish() == "");
  REQUIRE(stream.push(std::string_view("\0x", 2)) == std::string("\0x", 2));
}

TEST_CASE("a UTF-8 stream gives the same text however it is cut") {
  const std::string text = "na\xC3\xAFve \xE6\x97\xA5\xFF\xF0\x9F\x9A\x80\xE6\x97z\xF0";
  Utf8Stream whole;
  std::string expected = whole.push(text);
  expected += whole.finish();
  REQUIRE(valid_utf8_prefix(expected) == expected.size());
  for (std::size_t step = 1; step < text.size(); ++step) {
    Utf8Stream stream;
    std::string got;
    for (std::size_t at = 0; at < text.size(); at += step) got += stream.push(std::string_view(text).substr(at, step));
    REQUIRE(got + stream.finish() == expected);
  }
}
