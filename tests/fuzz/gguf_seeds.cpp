// GGUF files that no writer makes, one for each check of the reader, and a few sound ones to start from.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "tests/fuzz/seeds.h"
#include "tests/support/raw_gguf.h"

namespace bh::fuzz {
namespace {

using test::gguf_string;
using test::le;
using test::RawGguf;

enum : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };
enum : std::uint32_t { kTypeF32 = 0, kTypeF16 = 1, kTypeQ8_0 = 8, kTypeQ6_K = 14, kTypeBf16 = 30, kTypeI2S = 36 };
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::string array(std::uint32_t type, std::uint64_t count, const std::string& elements) {
  return le(type) + le(count) + elements;
}

/// A key of every type and a tensor of every format.
RawGguf sound() {
  RawGguf raw;
  raw.key("general.architecture", kString, gguf_string("bitnet-b1.58"));
  raw.key("general.alignment", kU32, le(32u));
  raw.key("a.u8", kU8, le(std::uint8_t{1}));
  raw.key("a.i8", kI8, le(std::int8_t{-1}));
  raw.key("a.u16", kU16, le(std::uint16_t{2}));
  raw.key("a.i16", kI16, le(std::int16_t{-2}));
  raw.key("a.i32", kI32, le(-3));
  raw.key("a.f32", kF32, le(1e-5f));
  raw.key("a.bool", kBool, le(std::uint8_t{1}));
  raw.key("a.u64", kU64, le(kMax));
  raw.key("a.i64", kI64, le(std::int64_t{-4}));
  raw.key("a.f64", kF64, le(0.5));
  raw.key("tokenizer.ggml.tokens", kArray, array(kString, 2, gguf_string("a") + gguf_string("b")));
  raw.key("tokenizer.ggml.scores", kArray, array(kF32, 2, le(0.0f) + le(-1.0f)));
  raw.key("tokenizer.ggml.token_type", kArray, array(kI32, 2, le(1) + le(3)));
  raw.key("a.bools", kArray, array(kBool, 2, std::string("\0\1", 2)));
  const struct {
    const char* name;
    std::uint32_t type;
    std::vector<std::uint64_t> ne;
    std::size_t bytes;
  } tensors[] = {
      {"f32", kTypeF32, {2, 3}, 24},    {"f16", kTypeF16, {5}, 10},      {"bf16", kTypeBf16, {4, 1, 2}, 16},
      {"q8_0", kTypeQ8_0, {32, 2}, 68}, {"q6_k", kTypeQ6_K, {256}, 210}, {"i2_s", kTypeI2S, {64, 4}, 64 + 32},
  };
  for (const auto& tensor : tensors) {
    raw.tensor(tensor.name, tensor.ne, tensor.type, raw.data.size());
    raw.data += std::string(tensor.bytes, '\x15');
    raw.data.resize((raw.data.size() + 31) / 32 * 32);
  }
  return raw;
}

class Seeds {
 public:
  void add(std::string name, std::string bytes) { all.push_back({std::move(name), std::move(bytes)}); }
  void add(std::string name, const RawGguf& raw) { add(std::move(name), raw.bytes()); }
  void add_key(const std::string& name, std::string_view key, std::uint32_t type, const std::string& value) {
    RawGguf raw = sound();
    raw.key(key, type, value);
    add(name, raw);
  }
  void add_tensor(const std::string& name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
                  std::uint64_t offset, std::string_view tensor = "extra") {
    RawGguf raw = sound();
    raw.tensor(tensor, ne, type, offset);
    raw.data += std::string(64, '\0');
    add(name, raw);
  }

  std::vector<Seed> all;
};

void add_headers(Seeds& seeds) {
  RawGguf raw = sound();
  raw.version = 2;
  seeds.add("version-2", raw);
  for (const std::uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    raw.version = version;
    seeds.add("version-" + std::to_string(version), raw);
  }
  raw = sound();
  raw.magic = "GGML";
  seeds.add("other-magic", raw);
  seeds.add("empty", std::string());
  seeds.add("magic-only", std::string("GGUF"));
  seeds.add("no-keys-no-tensors", RawGguf{});
  for (const std::uint64_t count : {std::uint64_t{1000}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, kMax}) {
    raw = sound();
    raw.n_keys = count;
    seeds.add("keys-" + std::to_string(count), raw);
    raw = sound();
    raw.n_tensors = count;
    seeds.add("tensors-" + std::to_string(count), raw);
  }
  // A header of 36 bytes, with alignment and data offset behind the counts, as one other engine writes it.
  const std::string bytes = sound().bytes();
  seeds.add("header-of-36-bytes", bytes.substr(0, 24) + le(32u) + le(std::uint64_t{1024}) + bytes.substr(24));
}

/// Every number swapped, as a big-endian machine writes them.
void add_big_endian(Seeds& seeds) {
  const auto be = [](auto value) {
    std::string bytes = le(value);
    std::reverse(bytes.begin(), bytes.end());
    return bytes;
  };
  seeds.add("big-endian", "GGUF" + be(3u) + be(std::uint64_t{0}) + be(std::uint64_t{1}) + be(std::uint64_t{1}) + "a" +
                              be(kU32) + be(7u));
}

void add_keys(Seeds& seeds) {
  for (const std::uint64_t count : {std::uint64_t{100000}, std::uint64_t{1} << 61, std::uint64_t{1} << 63, kMax}) {
    const std::string text = std::to_string(count);
    for (const std::uint32_t type : {kU8, kU16, kF32, kBool, kString, kF64})
      seeds.add_key("array-of-" + std::to_string(type) + "-" + text, "huge", kArray, array(type, count, "abc"));
    seeds.add_key("string-" + text, "huge", kString, le(count) + "abc");
    RawGguf raw = sound();
    raw.keys.push_back(le(count) + "abc");
    seeds.add("key-name-" + text, raw);
  }
  seeds.add_key("key-twice", "a.u8", kU8, le(std::uint8_t{1}));
  seeds.add_key("key-of-unknown-type", "bad", 13, le(std::uint64_t{0}));
  seeds.add_key("key-type-huge", "bad", 0xffffffffu, le(std::uint64_t{0}));
  seeds.add_key("array-of-arrays", "bad", kArray, array(kArray, 1, array(kU8, 1, "x")));
  seeds.add_key("array-of-unknown-type", "bad", kArray, array(99, 1, "x"));
  seeds.add_key("array-empty", "none", kArray, array(kString, 0, ""));
  seeds.add_key("bool-of-2", "bad", kBool, "\x02");
  seeds.add_key("bools-of-2", "bad", kArray, array(kBool, 2, "\x01\x02"));
  seeds.add_key("key-name-empty", "", kU8, "x");
  seeds.add_key("key-name-not-utf8", "\xff\xfe\x80", kU8, "x");
  seeds.add_key("key-name-with-escape-codes", "\x1b[2J\n", kU8, "x");
  seeds.add_key("string-not-utf8", "general.name", kString, gguf_string("\xc3\x28\xed\xa0\x80\xf5"));
  seeds.add_key("architecture-with-escape-codes", "general.type", kString, gguf_string("\x1b]0;owned\x07\r\n"));
  for (const std::uint32_t alignment : {0u, 1u, 3u, 8u, 64u, 1u << 20, 1u << 21, 0x80000000u, 0xffffffffu}) {
    RawGguf raw = sound();
    raw.keys[1] = gguf_string("general.alignment") + le(std::uint32_t{kU32}) + le(alignment);
    seeds.add("alignment-" + std::to_string(alignment), raw);
  }
  RawGguf raw = sound();
  raw.keys[1] = gguf_string("general.alignment") + le(std::uint32_t{kU64}) + le(std::uint64_t{32});
  seeds.add("alignment-of-other-type", raw);
}

void add_tensors(Seeds& seeds) {
  const std::uint64_t end = sound().data.size();
  seeds.add_tensor("tensor-more", {4}, kTypeF32, end);
  seeds.add_tensor("tensor-twice", {4}, kTypeF32, end, "f32");
  seeds.add_tensor("tensor-name-empty", {4}, kTypeF32, end, "");
  seeds.add_tensor("tensor-name-of-64", {4}, kTypeF32, end, std::string(64, 'n'));
  seeds.add_tensor("tensor-name-not-utf8", {4}, kTypeF32, end, "\xc3\x28\x07");
  seeds.add_tensor("dims-0", {}, kTypeF32, end);
  seeds.add_tensor("dims-5", {1, 1, 1, 1, 1}, kTypeF32, end);
  seeds.add_tensor("extent-0", {4, 0}, kTypeF32, end);
  seeds.add_tensor("extent-max", {kMax}, kTypeF32, end);
  seeds.add_tensor("extent-2-63", {std::uint64_t{1} << 63}, kTypeF32, end);
  seeds.add_tensor("elements-wrap-to-0", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, kTypeF32, end);
  seeds.add_tensor("elements-wrap-to-4", {(std::uint64_t{1} << 62) + 1, 4}, kTypeI2S, end);
  seeds.add_tensor("bytes-wrap-to-0", {std::uint64_t{1} << 62}, kTypeF32, end);
  seeds.add_tensor("bytes-wrap-i2_s", {(std::uint64_t{1} << 63) - 128}, kTypeI2S, end);
  seeds.add_tensor("offset-not-aligned", {4}, kTypeF32, end + 1);
  seeds.add_tensor("offset-beyond-the-end", {4}, kTypeF32, end + 64);
  seeds.add_tensor("offset-at-the-end", {16}, kTypeF32, end + 32);
  seeds.add_tensor("offset-max", {4}, kTypeF32, kMax);
  seeds.add_tensor("offset-max-aligned", {4}, kTypeF32, kMax - 31);
  seeds.add_tensor("offset-plus-size-wraps", {1 << 20}, kTypeF32, kMax - 31);
  seeds.add_tensor("overlap-whole", {4}, kTypeF32, 0);
  seeds.add_tensor("overlap-part", {16}, kTypeF32, end - 32);
  seeds.add_tensor("i2_s-columns-100", {100}, kTypeI2S, end);
  seeds.add_tensor("q8_0-columns-33", {33}, kTypeQ8_0, end);
  seeds.add_tensor("q6_k-columns-255", {255}, kTypeQ6_K, end);
  for (const std::uint32_t type : {2u, 4u, 5u, 31u, 34u, 35u, 37u, 38u, 39u, 40u, 134u, 135u, 335u, 0xffffffffu})
    seeds.add_tensor("type-" + std::to_string(type), {256}, type, end);
}

void add_truncated(Seeds& seeds) {
  const RawGguf raw = sound();
  const std::string bytes = raw.bytes();
  const std::size_t header = raw.header().size();
  for (const std::size_t length : {std::size_t{7}, std::size_t{23}, std::size_t{24}, header / 3, header / 2, header - 1,
                                   header, bytes.size() - raw.data.size(), bytes.size() - 1})
    seeds.add("cut-at-" + std::to_string(length), bytes.substr(0, length));
}

/// I2_S as another engine packs it: the same type id, told apart by the room it takes.
void add_foreign_i2_s(Seeds& seeds) {
  for (const std::size_t bytes : {64u, 80u, 96u, 128u}) {
    RawGguf raw;
    raw.tensor("w", {128, 2}, kTypeI2S, 0);
    raw.data = std::string(bytes, '\x55');
    seeds.add("i2_s-in-" + std::to_string(bytes) + "-bytes", raw);
  }
}

}  // namespace

std::vector<Seed> gguf_seeds() {
  Seeds seeds;
  seeds.add("sound", sound());
  add_headers(seeds);
  add_big_endian(seeds);
  add_keys(seeds);
  add_tensors(seeds);
  add_truncated(seeds);
  add_foreign_i2_s(seeds);
  return seeds.all;
}

std::vector<std::string> gguf_words() {
  std::vector<std::string> words = {"GGUF", le(2u), le(3u), le(32u), le(kMax), le(std::uint64_t{1} << 63)};
  for (const char* key :
       {"general.architecture", "general.alignment", "split.count", "bitnet-b1.58", "llama", "gpt2", "a.u8", "f32"})
    words.push_back(gguf_string(key));
  for (std::uint32_t type = 0; type <= kF64; ++type) words.push_back(le(type));
  for (const std::uint32_t type : {kTypeQ8_0, kTypeQ6_K, kTypeBf16, kTypeI2S}) words.push_back(le(type));
  for (const std::uint64_t extent : {1, 32, 64, 128, 256}) words.push_back(le(extent));
  return words;
}

}  // namespace bh::fuzz
