// The vocabularies GGUF files carry, read back from files made here.
#include <functional>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "engine/model/gguf_writer.h"
#include "engine/model/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/vocabularies.h"

using namespace bh::engine;
using bh::test::byte_bpe;
using bh::test::spm;

namespace {

/// A tokenizer from a file that holds what `write` adds.
Tokenizer written(const std::function<void(GgufWriter&)>& write, std::string_view pre_override = {}) {
  const bh::test::TempFolder folder;
  GgufWriter writer;
  writer.add("general.architecture", "bitnet-b1.58");
  write(writer);
  writer.write(folder / "file.gguf");
  return Tokenizer::from_gguf(GgufFile::open(folder / "file.gguf"), pre_override);
}

std::string refusal(const std::function<void(GgufWriter&)>& write) {
  try {
    written(write);
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

void add_tokens(GgufWriter& writer, const Vocabulary& vocabulary) {
  writer.add("tokenizer.ggml.model", std::string_view(vocabulary.model));
  writer.add("tokenizer.ggml.tokens", std::span<const std::string>(vocabulary.tokens));
}

}  // namespace

TEST_CASE("a vocabulary of bytes alone, without merges, is written so that readers find the key") {
  const Tokenizer tokenizer = written([](GgufWriter& writer) { writer.add(byte_bpe({})); });
  REQUIRE(tokenizer.vocabulary().merges.empty());
  REQUIRE(tokenizer.encode("abc", {.add_special = false, .parse_special = true}) == std::vector<TokenId>{97, 98, 99});
}

TEST_CASE("a vocabulary survives the way through a GGUF file") {
  for (Vocabulary vocabulary : {byte_bpe({{"a", "b"}, {"ab", " "}}, "gpt-2"), spm({"_", "a", "_a"})}) {
    vocabulary.padding = 2;
    vocabulary.eom = 5;
    vocabulary.add_eos = true;
    vocabulary.add_space_prefix = vocabulary.model == "gpt2";
    vocabulary.chat_template = "{{ x }}";
    const Tokenizer tokenizer = written([&](GgufWriter& writer) { writer.add(vocabulary); });
    const Vocabulary& read = tokenizer.vocabulary();
    REQUIRE(read.model == vocabulary.model);
    REQUIRE(read.pre == vocabulary.pre);
    REQUIRE(read.tokens == vocabulary.tokens);
    REQUIRE(read.scores == vocabulary.scores);
    REQUIRE(read.types == vocabulary.types);
    REQUIRE(read.merges == vocabulary.merges);
    REQUIRE(read.bos == vocabulary.bos);
    REQUIRE(read.eos == vocabulary.eos);
    REQUIRE(read.eot == vocabulary.eot);
    REQUIRE(read.eom == vocabulary.eom);
    REQUIRE(read.unknown == vocabulary.unknown);
    REQUIRE(read.padding == vocabulary.padding);
    REQUIRE(read.add_bos == vocabulary.add_bos);
    REQUIRE(read.add_eos == vocabulary.add_eos);
    REQUIRE(read.add_space_prefix == vocabulary.add_space_prefix);
    REQUIRE(read.chat_template == vocabulary.chat_template);
  }
}

TEST_CASE("missing keys have llama.cpp's defaults") {
  const Vocabulary bpe = byte_bpe({{"a", "b"}});
  const auto add_bpe = [&](GgufWriter& writer) {
    add_tokens(writer, bpe);
    writer.add("tokenizer.ggml.merges", std::span<const std::string>(bpe.merges));
    writer.add("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(bpe.bos));
    writer.add("tokenizer.ggml.padding_token_id", 0xFFFFFFFFu);
  };
  Tokenizer tokenizer = written(add_bpe);
  REQUIRE(tokenizer.vocabulary().pre.empty());
  REQUIRE_FALSE(tokenizer.vocabulary().add_bos);
  REQUIRE(tokenizer.vocabulary().eos == kNoToken);
  REQUIRE(tokenizer.vocabulary().padding == kNoToken);
  REQUIRE_FALSE(tokenizer.warnings().empty());
  tokenizer = written(add_bpe, "llama-bpe");
  REQUIRE(tokenizer.vocabulary().add_bos);
  tokenizer = written([&](GgufWriter& writer) {
    add_bpe(writer);
    writer.add("tokenizer.ggml.pre", "llama-bpe");
  });
  REQUIRE(tokenizer.vocabulary().add_bos);

  const Vocabulary made = spm({"a"});
  tokenizer = written([&](GgufWriter& writer) {
    add_tokens(writer, made);
    writer.add("tokenizer.ggml.scores", std::span<const float>(made.scores));
  });
  REQUIRE(tokenizer.vocabulary().bos == 1);
  REQUIRE(tokenizer.vocabulary().eos == 2);
  REQUIRE(tokenizer.vocabulary().unknown == 0);
  REQUIRE(tokenizer.vocabulary().add_bos);
  REQUIRE(tokenizer.vocabulary().add_space_prefix);
}

TEST_CASE("an override replaces the file's pre-tokenizer, and has no meaning for SPM") {
  const auto add = [](GgufWriter& writer) { writer.add(byte_bpe({{"a", "b"}}, "no-such-thing")); };
  REQUIRE(written(add, "gpt-2").vocabulary().pre == "gpt-2");
  REQUIRE(refusal(add).find("no-such-thing") != std::string::npos);
  const Tokenizer tokenizer = written([](GgufWriter& writer) { writer.add(spm({"a"})); }, "gpt-2");
  REQUIRE(tokenizer.warnings().size() == 1);
}

TEST_CASE("files without a usable tokenizer are refused with the key that is wrong") {
  const Vocabulary bpe = byte_bpe({{"a", "b"}});
  REQUIRE(refusal([](GgufWriter&) {}).find("tokenizer.ggml.model") != std::string::npos);
  REQUIRE(refusal([](GgufWriter& writer) {
            writer.add("tokenizer.ggml.model", "gpt2");
          }).find("tokenizer.ggml.tokens") != std::string::npos);
  REQUIRE(refusal([&](GgufWriter& writer) { add_tokens(writer, bpe); }).find("merges") != std::string::npos);
  REQUIRE(refusal([&](GgufWriter& writer) {
            Vocabulary bert = bpe;
            bert.model = "bert";
            writer.add(bert);
          }).find("bert") != std::string::npos);
  REQUIRE(refusal([&](GgufWriter& writer) {
            Vocabulary odd = bpe;
            odd.types[7] = static_cast<TokenType>(9);
            writer.add(odd);
          }).find("token 7") != std::string::npos);
  REQUIRE(refusal([&](GgufWriter& writer) {
            Vocabulary odd = bpe;
            odd.bos = 1000;
            writer.add(odd);
          }).find("1000") != std::string::npos);
}

TEST_CASE("the shipped GGUF file and its Hugging Face folders give the same token ids") {
  const Tokenizer gguf = Tokenizer::from_gguf(GgufFile::open(bh::test::shipped_model() / "kjv-3m-i2_s.gguf"));
  for (const char* folder : {"bf16", "packed"}) {
    const Tokenizer hf = Tokenizer::from_hf_folder(bh::test::shipped_model() / folder);
    REQUIRE(gguf.vocabulary().tokens == hf.vocabulary().tokens);
    REQUIRE(gguf.vocabulary().merges == hf.vocabulary().merges);
    // The file's llama-bpe implies ignore_merges, the folder says no: the same as long as merging reaches every token.
    for (TokenId id = 0; id < hf.size(); ++id) {
      REQUIRE(hf.encode(hf.piece(id)) == gguf.encode(gguf.piece(id)));
      REQUIRE(hf.is_eog(id) == gguf.is_eog(id));
    }
  }
}
