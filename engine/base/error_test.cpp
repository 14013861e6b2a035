#include "engine/base/error.h"

#include "tests/support/catch.h"

TEST_CASE("an error's message is one line that no terminal obeys, whatever a file put into it") {
  const auto message = [](std::string_view text) { return std::string(bh::Error(bh::ErrorKind::setup, text).what()); };
  REQUIRE(message("the file \"Modèle 😀\" is damaged") == "the file \"Modèle 😀\" is damaged");
  REQUIRE(message("a\x1b[2J\nb\t\x7f") == "a\\x1b[2J\\x0ab\\x09\\x7f");
  REQUIRE(message(std::string_view("\0", 1)) == "\\x00");
  REQUIRE(message("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");  // the eight-bit form of ESC [
  REQUIRE(message("\x9b\xff\xed\xa0\x80\xc3") == "\\x9b\\xff\\xed\\xa0\\x80\\xc3");
  REQUIRE(message("").empty());
}

TEST_CASE("an absurdly long error message is cut") {
  const std::string name(1'000'000, 'x');
  const std::string message = bh::Error(bh::ErrorKind::setup, name).what();
  REQUIRE(message.size() < 7000);
  REQUIRE(message.substr(message.size() - 4) == "x...");
}
