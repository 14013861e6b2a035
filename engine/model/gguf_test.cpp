#include "engine/model/gguf.h"

#include <cstdlib>
#include <limits>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "tests/support/catch.h"
#include "tests/support/raw_gguf.h"

namespace {

using namespace bh::engine;
using bh::test::as_bytes;
using bh::test::gguf_string;
using bh::test::le;
using bh::test::RawGguf;

enum : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

/// A key of every type and two tensors.
RawGguf small_file() {
  RawGguf raw;
  raw.key("general.architecture", kString, gguf_string("bitnet-b1.58"));
  raw.key("k.u8", kU8, le(std::uint8_t{200}));
  raw.key("k.i8", kI8, le(std::int8_t{-3}));
  raw.key("k.u16", kU16, le(std::uint16_t{60000}));
  raw.key("k.i16", kI16, le(std::int16_t{-300}));
  raw.key("k.u32", kU32, le(std::uint32_t{4000000000u}));
  raw.key("k.i32", kI32, le(std::int32_t{-70000}));
  raw.key("k.f32", kF32, le(0.5f));
  raw.key("k.bool", kBool, le(std::uint8_t{1}));
  raw.key("k.u64", kU64, le(std::uint64_t{1} << 63));
  raw.key("k.i64", kI64, le(std::int64_t{-5}));
  raw.key("k.f64", kF64, le(0.25));
  raw.key("k.strings", kArray, le(std::uint32_t{kString}) + le(std::uint64_t{2}) + gguf_string("a") + gguf_string(""));
  raw.key("k.floats", kArray, le(std::uint32_t{kF32}) + le(std::uint64_t{2}) + le(1.5f) + le(-2.5f));
  raw.key("k.ints", kArray, le(std::uint32_t{kI32}) + le(std::uint64_t{3}) + le(1) + le(-2) + le(3));
  raw.key("k.bytes", kArray, le(std::uint32_t{kU8}) + le(std::uint64_t{2}) + "\x01\xff");
  raw.key("k.bools", kArray, le(std::uint32_t{kBool}) + le(std::uint64_t{2}) + std::string("\x00\x01", 2));
  raw.tensor("a", {4, 2}, 0, 0);
  raw.tensor("b", {128, 2}, 36, 32);
  raw.data = std::string(32, '\0') + std::string(64, '\x55') + le(0.5f) + std::string(28, '\0');
  return raw;
}

std::string error_of(const std::string& bytes) {
  try {
    GgufFile::parse(as_bytes(bytes), "file");
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

void refused(const RawGguf& raw, const std::string& because) {
  const std::string message = error_of(raw.bytes());
  INFO("message: " << message);
  REQUIRE(message.find(because) != std::string::npos);
  REQUIRE(message.find("file") != std::string::npos);
}

}  // namespace

TEST_CASE("a GGUF file gives its keys with their types and its tensors with their bytes") {
  const std::string bytes = small_file().bytes();
  const GgufFile file = GgufFile::parse(as_bytes(bytes), "file");
  REQUIRE(file.version() == 3);
  REQUIRE(file.alignment() == 32);
  REQUIRE(file.data_start() % 32 == 0);
  REQUIRE(file.keys().size() == 17);
  REQUIRE(file.keys()[1].first == "k.u8");
  REQUIRE(file.get_string("general.architecture") == "bitnet-b1.58");
  REQUIRE(file.get_int("k.u8") == 200);
  REQUIRE(file.get_int("k.i8") == -3);
  REQUIRE(file.get_int("k.u16") == 60000);
  REQUIRE(file.get_int("k.i16") == -300);
  REQUIRE(file.get_int("k.u32") == 4000000000);
  REQUIRE(file.get_int("k.i32") == -70000);
  REQUIRE(file.get_int("k.i64") == -5);
  REQUIRE(file.get_float("k.f32") == 0.5);
  REQUIRE(file.get_float("k.f64") == 0.25);
  REQUIRE(file.get_bool("k.bool") == true);
  REQUIRE(*file.get_strings("k.strings") == std::vector<std::string>{"a", ""});
  REQUIRE(*file.get_floats("k.floats") == std::vector<float>{1.5f, -2.5f});
  REQUIRE(*file.get_ints("k.ints") == std::vector<std::int64_t>{1, -2, 3});
  REQUIRE(*file.get_ints("k.bytes") == std::vector<std::int64_t>{1, 255});
  REQUIRE(std::get<std::vector<bool>>(file.find("k.bools")->data) == std::vector<bool>{false, true});
  REQUIRE(!file.get_int("none"));
  REQUIRE(file.get_strings("none") == nullptr);

  REQUIRE(file.tensors().size() == 2);
  const GgufTensor& b = *file.find_tensor("b");
  REQUIRE(b.cols() == 128);
  REQUIRE(b.rows() == 2);
  REQUIRE(b.bytes.size() == 96);
  REQUIRE(i2_s::scale(b.bytes, 2, 128) == 0.5f);
  REQUIRE(b.bytes.data() == as_bytes(bytes).data() + file.data_start() + 32);
  REQUIRE(file.find_tensor("c") == nullptr);
}

TEST_CASE("a GGUF key of another type is an error and never reinterpreted") {
  const std::string bytes = small_file().bytes();
  const GgufFile file = GgufFile::parse(as_bytes(bytes), "file");
  REQUIRE_THROWS_WITH(file.get_int("k.f32"), "file: the key \"k.f32\" is of type f32, not an integer");
  REQUIRE_THROWS_WITH(file.get_string("k.strings"),
                      "file: the key \"k.strings\" is of type array of string, not a string");
  REQUIRE_THROWS_AS(file.get_int("k.u64"), bh::Error);  // beyond int64
  REQUIRE_THROWS_AS(file.get_int("k.bool"), bh::Error);
  REQUIRE_THROWS_AS(file.get_int("k.ints"), bh::Error);
  REQUIRE_THROWS_AS(file.get_bool("k.u8"), bh::Error);
  REQUIRE_THROWS_AS(file.get_float("k.u32"), bh::Error);
  REQUIRE_THROWS_AS(file.get_floats("k.ints"), bh::Error);
  REQUIRE_THROWS_AS(file.get_ints("k.floats"), bh::Error);
  REQUIRE_THROWS_AS(file.get_strings("k.ints"), bh::Error);
}

TEST_CASE("a GGUF file cut off at any byte is refused") {
  const RawGguf raw = small_file();
  const std::string bytes = raw.bytes();
  REQUIRE(error_of(bytes) == "");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    INFO("length " << length);
    REQUIRE(error_of(bytes.substr(0, length)) != "");
  }
}

TEST_CASE("any single flipped byte of a GGUF header gives an answer or an error, never a crash") {
  const RawGguf raw = small_file();
  const std::string bytes = raw.bytes();
  int refusals = 0;
  for (std::size_t at = 0; at < raw.header().size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      refusals += error_of(damaged).empty() ? 0 : 1;
    }
  }
  REQUIRE(refusals > 300);
}

TEST_CASE("what is no GGUF file of a known version is refused by name") {
  RawGguf raw = small_file();
  raw.magic = "GGML";
  refused(raw, "not a GGUF file: it begins with \"GGML\"");
  raw.magic = std::string("\x1b[2J", 4);
  refused(raw, "\\x1b[2J");
  raw = small_file();
  raw.version = 1;
  refused(raw, "version 1");
  raw.version = 4;
  refused(raw, "version 4");
  raw.version = 0x03000000;
  refused(raw, "big-endian");
  raw.version = 2;
  REQUIRE(error_of(raw.bytes()) == "");
}

TEST_CASE("impossible GGUF counts are refused before anything is reserved") {
  for (const std::uint64_t count :
       {std::uint64_t{1000}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    RawGguf raw = small_file();
    raw.n_keys = count;
    REQUIRE(error_of(raw.bytes()) != "");
    raw = small_file();
    raw.n_tensors = count;
    REQUIRE(error_of(raw.bytes()) != "");
    for (const std::uint32_t type : {kU8, kF32, kString, kBool, kU64}) {
      raw = small_file();
      raw.key("huge", kArray, le(type) + le(count));
      refused(raw, "key \"huge\"");
    }
    raw = small_file();
    raw.key("huge", kString, le(count) + "abc");
    refused(raw, "key \"huge\"");
    raw = small_file();
    raw.keys.push_back(le(count) + "abc");
    REQUIRE(error_of(raw.bytes()) != "");
  }
}

TEST_CASE("unsound GGUF keys are refused") {
  RawGguf raw = small_file();
  raw.key("k.u8", kU8, le(std::uint8_t{1}));
  refused(raw, "the key \"k.u8\" stands there twice");
  raw = small_file();
  raw.key("bad", 13, le(std::uint64_t{0}));
  refused(raw, "key \"bad\" has the unknown type 13");
  raw = small_file();
  raw.key("bad", kBool, le(std::uint8_t{2}));
  refused(raw, "bool of value 2");
  raw = small_file();
  raw.key("bad", kArray, le(std::uint32_t{kArray}) + le(std::uint64_t{0}));
  refused(raw, "array of arrays");
  raw = small_file();
  raw.key("bad", kArray, le(std::uint32_t{13}) + le(std::uint64_t{0}));
  refused(raw, "unknown type 13");
  raw = small_file();
  raw.key("", kU8, le(std::uint8_t{1}));
  refused(raw, "printable ASCII");
  raw = small_file();
  raw.key("a\nb", kU8, le(std::uint8_t{1}));
  refused(raw, "a\\x0ab");
}

TEST_CASE("a bad GGUF alignment is refused, a good one followed") {
  for (const std::uint32_t bad : {0u, 3u, 48u, 1u << 21, 0xffffffffu}) {
    RawGguf raw = small_file();
    raw.key("general.alignment", kU32, le(bad));
    refused(raw, "general.alignment");
  }
  RawGguf raw = small_file();
  raw.key("general.alignment", kU64, le(std::uint64_t{32}));
  refused(raw, "not u32");
  raw = small_file();
  raw.key("general.alignment", kU32, le(64u));
  refused(raw, "not aligned to 64");  // tensor b lies at offset 32
  raw.tensors[1].replace(raw.tensors[1].size() - 8, 8, le(std::uint64_t{64}));
  raw.alignment = 64;
  raw.data.insert(32, 32, '\0');
  const std::string bytes = raw.bytes();
  const GgufFile file = GgufFile::parse(as_bytes(bytes), "file");
  REQUIRE(file.data_start() % 64 == 0);
  REQUIRE(i2_s::scale(file.find_tensor("b")->bytes, 2, 128) == 0.5f);
}

TEST_CASE("unsound GGUF tensors are refused by name") {
  const auto with = [](std::string_view name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
                       std::uint64_t offset) {
    RawGguf raw = small_file();
    raw.data += std::string(4096, '\0');
    raw.tensor(name, ne, type, offset);
    return raw;
  };
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  REQUIRE(error_of(with("c", {4}, 0, 128).bytes()) == "");
  refused(with("a", {4}, 0, 128), "the tensor \"a\" stands there twice");
  refused(with("c", {}, 0, 128), "\"c\" has 0 dimensions");
  refused(with("c", {1, 1, 1, 1, 1}, 0, 128), "\"c\" has 5 dimensions");
  refused(with("c", {4, 0}, 0, 128), "impossible extent 0");
  refused(with("c", {kMax}, 0, 128), "impossible extent");
  refused(with("c", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, 128), "impossible extent");
  refused(with("c", {std::uint64_t{1} << 62}, 0, 128), "does not fit its format");
  refused(with("c", {1 << 20}, 0, 128), "needs 4194304 bytes");
  refused(with("c", {4}, 0, 129), "not aligned to 32");
  refused(with("c", {4}, 0, std::uint64_t{1} << 40), "truncated or damaged");
  refused(with("c", {4}, 0, kMax - 31), "truncated or damaged");
  refused(with("c", {4}, 0, 0), "overlaps");
  refused(with("c", {4}, 0, 64), "overlaps");
  refused(with("c", {100}, 36, 128), "whole blocks of 128");
  refused(with("c", {33}, 8, 128), "whole blocks of 32");
  refused(with(std::string(64, 'c'), {4}, 0, 128), "64 bytes");
  refused(with("", {4}, 0, 128), "printable ASCII");
}

TEST_CASE("GGUF tensor types without support are refused with id, name and the fork that defines them") {
  const auto with_type = [](std::uint32_t type) {
    RawGguf raw = small_file();
    raw.tensor("c", {256}, type, 128);
    return raw;
  };
  refused(with_type(35), "tensor \"c\" has type 35, TQ2_0 (llama.cpp and bitnet.cpp)");
  refused(with_type(4), "removed from ggml");
  refused(with_type(38), "TL1 (bitnet.cpp for ARM)");
  refused(with_type(39), "TL2 (bitnet.cpp for x86): not supported");
  refused(with_type(135), "IQ2_BN (ik_llama.cpp)");
  refused(with_type(12345), "type 12345, unknown");
  RawGguf raw;
  raw.key("general.architecture", kString, gguf_string("gpt-oss"));
  raw.tensor("c", {256}, 39, 0);
  refused(raw, "MXFP4 (llama.cpp and ik_llama.cpp): not supported");
}

TEST_CASE("I2_S tensors as bitnet-rs writes them are told by their size and refused") {
  // 128 x 256 values: I2_S takes 8192 + 32 bytes.
  const auto with_room = [](std::uint64_t bytes, bool last) {
    RawGguf raw;
    raw.tensor("w", {256, 128}, 36, 0);
    if (!last) raw.tensor("n", {8}, 0, bytes);
    raw.data = std::string(bytes + (last ? 0 : 32), '\x55');
    return raw;
  };
  for (const bool last : {false, true}) {
    REQUIRE(error_of(with_room(8192 + 32, last).bytes()) == "");
    REQUIRE(error_of(with_room(8192 + 64, last).bytes()) == "");  // room to spare is no reason
    refused(with_room(8192, last), "bitnet-rs");
    refused(with_room(10240, last), "BitNet32-F16");
    REQUIRE(error_of(with_room(8192 - 32, last).bytes()) != "");
  }
}

TEST_CASE("a GGUF file without tensors needs no padding") {
  RawGguf raw;
  raw.key("general.architecture", kString, gguf_string("llama"));
  const std::string bytes = raw.header();
  REQUIRE(GgufFile::parse(as_bytes(bytes), "file").tensors().empty());
}

TEST_CASE("only regular files are opened as GGUF") {
  REQUIRE_THROWS_AS(GgufFile::open("/dev/zero"), bh::Error);
  REQUIRE_THROWS_AS(GgufFile::open("/"), bh::Error);
  REQUIRE_THROWS_AS(GgufFile::open("/nonexistent/model.gguf"), bh::Error);
}
