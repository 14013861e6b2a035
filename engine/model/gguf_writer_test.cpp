#include "engine/model/gguf_writer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "engine/model/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bh::engine;

void fill_with(std::span<std::byte> bytes, int value) {
  std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(value));
}

Vocabulary small_vocabulary() {
  Vocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "llama-bpe";
  vocabulary.tokens = {"a", "b", "ab", "<|end|>"};
  vocabulary.types = {TokenType::normal, TokenType::normal, TokenType::normal, TokenType::control};
  vocabulary.merges = {"a b"};
  vocabulary.bos = 0;
  vocabulary.eos = 3;
  vocabulary.add_bos = true;
  vocabulary.chat_template = "{{ x }}";
  return vocabulary;
}

}  // namespace

TEST_CASE("what the GGUF writer wrote, the reader reads") {
  const bh::test::TempFolder folder;
  GgufWriter writer;
  writer.add("general.architecture", "bitnet-b1.58");
  writer.add("k.u32", std::uint32_t{7});
  writer.add("k.f32", 1e-5f);
  writer.add("k.bool", true);
  writer.add("k.floats", std::span<const float>(std::vector<float>{0.5f, -1.0f}));
  writer.add(small_vocabulary());
  writer.add_tensor("a", TensorType::f32, {3}, [](std::span<std::byte> bytes) { fill_with(bytes, 1); });
  writer.add_tensor("b", TensorType::i2_s, {128, 3}, [](std::span<std::byte> bytes) { fill_with(bytes, 2); });
  writer.add_tensor("c", TensorType::bf16, {5, 2, 3}, [](std::span<std::byte> bytes) {
    REQUIRE(std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; }));
    bytes.back() = std::byte{9};
  });
  writer.write(folder / "m.gguf");

  const GgufFile file = GgufFile::open(folder / "m.gguf");
  REQUIRE(file.version() == 3);
  REQUIRE(file.get_string("general.architecture") == "bitnet-b1.58");
  REQUIRE(file.get_int("k.u32") == 7);
  REQUIRE(file.get_float("k.f32") == static_cast<double>(1e-5f));
  REQUIRE(file.get_bool("k.bool") == true);
  REQUIRE(*file.get_floats("k.floats") == std::vector<float>{0.5f, -1.0f});
  REQUIRE(*file.get_strings("tokenizer.ggml.tokens") == small_vocabulary().tokens);
  REQUIRE(*file.get_strings("tokenizer.ggml.merges") == small_vocabulary().merges);
  REQUIRE(*file.get_ints("tokenizer.ggml.token_type") == std::vector<std::int64_t>{1, 1, 1, 3});
  REQUIRE(file.get_int("tokenizer.ggml.eos_token_id") == 3);
  REQUIRE(!file.get_int("tokenizer.ggml.eot_token_id"));
  REQUIRE(file.get_bool("tokenizer.ggml.add_bos_token") == true);
  REQUIRE(file.get_string("tokenizer.chat_template") == "{{ x }}");
  REQUIRE(file.tensors().size() == 3);
  const auto all = [&](const char* name, int value) {
    const auto bytes = file.find_tensor(name)->bytes;
    return std::all_of(bytes.begin(), bytes.end(),
                       [&](std::byte byte) { return byte == static_cast<std::byte>(value); });
  };
  REQUIRE(all("a", 1));
  REQUIRE(file.find_tensor("a")->bytes.size() == 12);
  REQUIRE(all("b", 2));
  REQUIRE(file.find_tensor("c")->ne == std::vector<std::int64_t>{5, 2, 3});
  REQUIRE(file.find_tensor("c")->bytes.back() == std::byte{9});
  REQUIRE(std::filesystem::file_size(folder / "m.gguf") % 32 == 0);
}

TEST_CASE("a tensor that cannot be written is refused when it is added") {
  GgufWriter writer;
  REQUIRE_THROWS_AS(writer.add_tensor("a", TensorType::i2_s, {100}, {}), bh::Error);
  REQUIRE_THROWS_AS(writer.add_tensor("a", TensorType::q8_0, {33, 2}, {}), bh::Error);
  REQUIRE_THROWS_AS(writer.add_tensor("a", TensorType::f32, {4, 0}, {}), bh::Error);
  REQUIRE_THROWS_AS(writer.add_tensor("a", TensorType::f32, {std::int64_t{1} << 40, std::int64_t{1} << 40}, {}),
                    bh::Error);
}

TEST_CASE("an error while a GGUF file is written leaves the old one whole") {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "m.gguf") << "old";
  GgufWriter writer;
  writer.add_tensor("a", TensorType::f32, {1000}, [](std::span<std::byte>) {});
  writer.add_tensor("b", TensorType::f32, {3},
                    [](std::span<std::byte>) { throw bh::Error(bh::ErrorKind::setup, "no"); });
  REQUIRE_THROWS_AS(writer.write(folder / "m.gguf"), bh::Error);
  std::ifstream file(folder / "m.gguf");
  REQUIRE(std::string(std::istreambuf_iterator<char>(file), {}) == "old");
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("opening a file with the vocabulary of the official model takes a fraction of a second") {
  const bh::test::TempFolder folder;
  std::vector<std::string> tokens(128256), merges(280147);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = "tok" + std::to_string(i);
  for (std::size_t i = 0; i < merges.size(); ++i) merges[i] = "left" + std::to_string(i) + " right" + std::to_string(i);
  GgufWriter writer;
  writer.add("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  writer.add("tokenizer.ggml.scores", std::span<const float>(std::vector<float>(tokens.size())));
  writer.add("tokenizer.ggml.token_type", std::span<const std::int32_t>(std::vector<std::int32_t>(tokens.size(), 1)));
  writer.add("tokenizer.ggml.merges", std::span<const std::string>(merges));
  for (int i = 0; i < 332; ++i)
    writer.add_tensor("t" + std::to_string(i), TensorType::i2_s, {128, 2}, [](std::span<std::byte>) {});
  writer.write(folder / "m.gguf");
  const auto start = std::chrono::steady_clock::now();
  const GgufFile file = GgufFile::open(folder / "m.gguf");
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  REQUIRE(*file.get_strings("tokenizer.ggml.merges") == merges);
  REQUIRE(file.find_tensor("t331") != nullptr);
  INFO("seconds: " << elapsed.count());
  REQUIRE(elapsed.count() < 2.0);  // some 0.03 s; the bound leaves room for sanitizers and busy machines
}
