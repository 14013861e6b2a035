// Seeds of the readers of JSON texts and of SafeTensors files, whose header is one.
#include <limits>
#include <string>
#include <vector>

#include "tests/fuzz/seeds.h"
#include "tests/support/raw_gguf.h"

namespace bh::fuzz {
namespace {

using test::le;

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string safetensors(const std::string& header, std::size_t data) {
  return le(std::uint64_t{header.size()}) + header + std::string(data, '\x2a');
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}";
}

}  // namespace

std::vector<Seed> safetensors_seeds() {
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets,
                      std::size_t data) { return safetensors("{" + tensor("a", dtype, shape, offsets) + "}", data); };
  const std::string sound = R"({"__metadata__":{"format":"pt"},)" + tensor("w", "BF16", "2,3", "0,12") + "," +
                            tensor("w_scale", "F32", "", "12,16") + "," + tensor("p", "U8", "4", "16,20") + "}    ";
  std::vector<Seed> seeds = {
      {"sound", safetensors(sound, 20)},
      {"empty", ""},
      {"no-tensors", safetensors("{}", 0)},
      {"length-cut", std::string("\x02\0\0", 3)},
      {"header-cut", safetensors(sound, 20).substr(0, 40)},
      {"data-cut", safetensors(sound, 19)},
      {"data-more", safetensors(sound, 21)},
      {"header-longer-than-file", le(std::uint64_t{1000}) + "{}"},
      {"header-length-wraps", le(std::numeric_limits<std::uint64_t>::max() - 7) + "{}"},
      {"header-length-max", le(std::numeric_limits<std::uint64_t>::max()) + "{}"},
      {"header-length-100000001", le(std::uint64_t{100'000'001}) + "{}"},
      {"header-length-0", le(std::uint64_t{0}) + "{}"},
      {"header-is-an-array", safetensors("[]", 0)},
      {"header-begins-with-space", safetensors(" {}", 0)},
      {"header-not-utf8", safetensors("{\"\xff\":{}}", 0)},
      {"header-twice", safetensors("{}{}", 0)},
      {"name-twice", safetensors("{" + tensor("a", "U8", "1", "0,1") + "," + tensor("a", "U8", "1", "1,2") + "}", 2)},
      {"name-with-escape-codes", safetensors("{" + tensor("\\u001b[2J\\n", "U9", "1", "0,1") + "}", 1)},
      {"field-twice", safetensors(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1)},
      {"field-missing", safetensors(R"({"a":{"dtype":"U8","shape":[1]}})", 1)},
      {"field-unknown", safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1)},
      {"object-in-tensor", safetensors(R"({"a":{"dtype":{"U8":1},"shape":[1],"data_offsets":[0,1]}})", 1)},
      {"array-in-shape", safetensors(R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", 1)},
      {"metadata-not-text", safetensors(R"({"__metadata__":{"a":1}})", 0)},
      {"metadata-nested", safetensors(R"({"__metadata__":{"a":{"b":"c"}}})", 0)},
      {"metadata-twice", safetensors(R"({"__metadata__":{},"__metadata__":{}})", 0)},
      {"hole", safetensors("{" + tensor("a", "U8", "1", "0,1") + "," + tensor("b", "U8", "1", "2,3") + "}", 3)},
      {"overlap", safetensors("{" + tensor("a", "U8", "2", "0,2") + "," + tensor("b", "U8", "2", "1,3") + "}", 3)},
      {"alias", safetensors("{" + tensor("a", "U8", "2", "0,2") + "," + tensor("b", "U8", "2", "0,2") + "}", 2)},
      {"begins-late", one("U8", "1", "1,2", 2)},
      {"ends-before-it-begins", one("U8", "1", "1,0", 1)},
      {"offsets-three", one("U8", "1", "0,1,2", 2)},
      {"offsets-negative", one("U8", "1", "-1,0", 1)},
      {"offsets-huge", one("U8", "1", "0,9223372036854775807", 1)},
      {"offsets-beyond-int64", one("U8", "1", "0,18446744073709551615", 1)},
      {"offsets-fraction", one("U8", "1", "0,1.0", 1)},
      {"shape-wraps", one("F32", "4611686018427387904,4", "0,0", 0)},
      {"shape-negative", one("U8", "-1", "0,1", 1)},
      {"shape-0", one("F32", "0,5", "0,0", 0)},
      {"shape-of-33", one("U8", repeated("1,", 32) + "1", "0,1", 1)},
      {"sub-byte", one("F4", "2", "0,1", 1)},
      {"sub-byte-odd", one("F4", "3", "0,1", 1)},
      {"dtype-unknown", one("U9", "1", "0,1", 1)},
      {"size-wrong", one("F32", "1", "0,3", 3)},
      {"deep", safetensors("{\"a\":" + repeated("[", 100) + repeated("]", 100) + "}", 0)},
  };
  return seeds;
}

std::vector<std::string> safetensors_words() {
  return {"\"dtype\":",
          "\"shape\":[",
          "\"data_offsets\":[",
          "\"__metadata__\":{",
          "\"BF16\"",
          "\"F32\"",
          "\"F16\"",
          "\"U8\"",
          "\"F4\"",
          "\"F6_E2M3\"",
          "\"C64\"",
          "[0,1]",
          "{",
          "}",
          "\"format\":\"",
          "18446744073709551615"};
}

std::vector<Seed> json_seeds() {
  return {
      {"sound", R"({"a":[1,-2,3.5e-3,true,false,null,"\u00e9\ud83d\ude00\n\"\\/"],"b":{"c":{}},"d":[]} )"},
      {"empty", ""},
      {"space", " \t\r\n"},
      {"number", "18446744073709551615"},
      {"number-int64-least", "-9223372036854775808"},
      {"number-beyond-uint64", "18446744073709551616"},
      {"number-huge-exponent", "1e999"},
      {"number-huge-exponent-negative", "-1e999999999999999999999"},
      {"number-tiny", "1e-999"},
      {"number-negative-zero", "[-0,-0.0]"},
      {"number-long", "0." + std::string(500, '3')},
      {"number-leading-zero", "01"},
      {"number-half", "1."},
      {"number-nan", "[NaN,Infinity]"},
      {"key-twice", R"({"a":1,"a":2})"},
      {"key-twice-by-escape", R"({"a":1,"\u0061":2})"},
      {"key-empty", R"({"":{"":""}})"},
      {"key-with-escape-codes", R"({"\u001b[2J":1,"\u001b[2J":2})"},
      {"trailing-bytes", "{}x"},
      {"trailing-zero-byte", std::string("{}\0", 3)},
      {"trailing-comma", "[1,]"},
      {"comment", "/* c */ []"},
      {"byte-order-mark", "\xef\xbb\xbf{}"},
      {"utf8-overlong", "\"\xc0\x80\""},
      {"utf8-surrogate", "\"\xed\xa0\x80\""},
      {"utf8-cut", "\"\xf0\x9f\x98\""},
      {"utf8-beyond", "\"\xf5\x80\x80\x80\""},
      {"utf8-in-key", "{\"\xff\":1}"},
      {"escape-surrogate-alone", R"("\ud800")"},
      {"escape-surrogate-low-first", R"("\udc00\ud800")"},
      {"escape-unknown", R"("\x41")"},
      {"escape-zero", R"("\u0000")"},
      {"control-byte", "\"\x01\""},
      {"open-string", "\"abc"},
      {"open-object", R"({"a":)"},
      {"deep-64", repeated("[", 64) + repeated("]", 64)},
      {"deep-65", repeated("[", 65) + repeated("]", 65)},
      {"deep-10000", repeated("[", 10000)},
      {"deep-objects", repeated("{\"a\":", 70) + "1" + repeated("}", 70)},
      {"long-string", "\"" + std::string(5000, 'x') + "\""},
      {"many-values", "[" + repeated("0,", 2000) + "0]"},
  };
}

std::vector<std::string> json_words() {
  return {"{\"",     "\":",
          "[",       "]",
          "}",       "true",
          "false",   "null",
          "\\u00e9", "\\ud83d\\ude00",
          "\\n",     "1e",
          "-0",      "0.1",
          "e-9",     "9223372036854775808",
          "\"a\"",   "\"\\",
          "\xc3\xa9"};
}

}  // namespace bh::fuzz
