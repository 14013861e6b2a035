#include "engine/base/json.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "engine/base/error.h"
#include "tests/support/catch.h"

using bh::parse_json;

namespace {

std::string error_of(const std::string& text) {
  try {
    parse_json(text, "doc");
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("JSON that should not be read is refused with a name and a place") {
  REQUIRE(error_of(R"({"a":1,"b":{"c":1,"c":2}})") == "doc: the key \"c\" stands there twice");
  REQUIRE(error_of(R"({"a":1,"\u0061":2})").find("twice") != std::string::npos);
  REQUIRE(error_of(R"({"\u001b[2J":1,"\u001b[2J":2})") == "doc: the key \"\\u001b[2J\" stands there twice");
  REQUIRE(error_of("{\"a\":1} x").find("at byte 8") != std::string::npos);
  REQUIRE(error_of("{\"a\":nan}").find("doc: not valid JSON at byte") == 0);
  REQUIRE(error_of("\"\xff\"") != "");
  REQUIRE(error_of("\"\xed\xa0\x80\"") != "");
  REQUIRE(error_of("1e999").find("out of range") != std::string::npos);
  REQUIRE(error_of("") != "");
  REQUIRE(error_of(std::string(65, '[') + std::string(65, ']')) != "");
  REQUIRE(error_of(std::string(60, '[') + std::string(60, ']')) == "");
  REQUIRE(error_of(R"([{"a":1},{"a":2}])") == "");
}

TEST_CASE("a truncated JSON document is refused at every length") {
  const std::string text = R"({"a": [1, 2.5e3, "x\u00e9\n"], "b": {"c": null, "d": true}})";
  REQUIRE(error_of(text) == "");
  for (std::size_t length = 0; length < text.size(); ++length) REQUIRE(error_of(text.substr(0, length)) != "");
}

TEST_CASE("numbers keep their kind and every bit through JSON") {
  for (const double value :
       {0.1, 1.0 / 3, 1e-5, 5e-324, 1.7976931348623157e308, 123456789.123456789, -2.0, 1e300, 0.0}) {
    const std::string text = bh::write_json_line(value);
    const bh::json::value back = parse_json(text, "number");
    REQUIRE(back.is_double());
    REQUIRE(back.get_double() == value);
    REQUIRE(bh::write_json_line(back) == text);
  }
  std::uint64_t state = 1;
  for (int i = 0; i < 2000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double value = std::ldexp(static_cast<double>(state >> 11), static_cast<int>(state % 200) - 150);
    REQUIRE(parse_json(bh::write_json_line(value), "number").get_double() == value);
  }
  REQUIRE(parse_json("-9223372036854775808", "n").get_int64() == std::numeric_limits<std::int64_t>::min());
  REQUIRE(parse_json("18446744073709551615", "n").get_uint64() == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("JSON is written in insertion order with two spaces, and read back equal") {
  const bh::json::value value = {
      {"b", {1, 2.5, nullptr}}, {"a", {{"x", "q\"\\\n\x01\xc3\xa9"}}}, {"e", bh::json::array{}}};
  const std::string text = bh::write_json(value);
  REQUIRE(text ==
          "{\n  \"b\": [\n    1,\n    2.5,\n    null\n  ],\n  \"a\": {\n    \"x\": \"q\\\"\\\\\\n\\u0001\xc3\xa9\"\n  "
          "},\n  \"e\": []\n}\n");
  REQUIRE(parse_json(text, "text") == value);
  REQUIRE(bh::write_json_line(value) == "{\"b\":[1,2.5,null],\"a\":{\"x\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\"},\"e\":[]}");
}

TEST_CASE("writing JSON refuses NaN and replaces bad UTF-8") {
  REQUIRE_THROWS_AS(bh::write_json(std::nan("")), bh::Error);
  REQUIRE_THROWS_AS(bh::write_json_line(std::numeric_limits<double>::infinity()), bh::Error);
  REQUIRE(bh::write_json_line("a\xff\xe2\x82") == "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE("typed JSON access names the document and the key") {
  const bh::json::value document = parse_json(R"({"s":"x","i":3,"d":0.5,"b":true})", "doc");
  const bh::json::object& object = document.get_object();
  REQUIRE(bh::get_string(object, "s", "doc") == "x");
  REQUIRE(bh::get_int(object, "i", "doc") == 3);
  REQUIRE(bh::get_int({{"u", std::uint64_t{7}}}, "u", "doc") == 7);
  REQUIRE_THROWS_AS(bh::get_int({{"u", ~std::uint64_t{0}}}, "u", "doc"), bh::Error);
  REQUIRE(bh::get_number(object, "i", "doc") == 3.0);
  REQUIRE(bh::get_number(object, "d", "doc") == 0.5);
  REQUIRE(bh::get_bool(object, "b", "doc"));
  REQUIRE(bh::find(object, "none") == nullptr);
  REQUIRE_THROWS_WITH(bh::get_int(object, "none", "doc"), "doc: the key \"none\" is missing");
  REQUIRE_THROWS_WITH(bh::get_int(object, "d", "doc"), "doc: the value of \"d\" is not an integer (64 bits, signed)");
  REQUIRE_THROWS_AS(bh::get_bool(object, "i", "doc"), bh::Error);
  REQUIRE_THROWS_AS(bh::get_string(object, "i", "doc"), bh::Error);
}

TEST_CASE("a JSON file is read whole, and only a regular one of bounded size") {
  const auto path = std::filesystem::temp_directory_path() / ("bh_json_test_" + std::to_string(std::rand()) + ".json");
  std::ofstream(path) << "{\"a\": 1}";
  REQUIRE(bh::read_json_file(path.string()).get_object().at("a").get_int64() == 1);
  REQUIRE_THROWS_AS(bh::read_json_file(path.string(), 4), bh::Error);
  std::filesystem::remove(path);
  REQUIRE_THROWS_AS(bh::read_json_file(path.string()), bh::Error);
  REQUIRE_THROWS_AS(bh::read_json_file("/dev/zero"), bh::Error);
}
