// Vocabularies from made tokenizer.json files and the files beside them.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh::engine;
namespace json = bh::json;
using Ids = std::vector<TokenId>;

namespace {

/// A folder's files, to be changed before they are written and read.
struct Folder {
  json::value tokenizer, config, generation;
  std::function<void(const std::filesystem::path&)> beside;  ///< makes other files in the folder

  Tokenizer read(std::string_view pre_override = {}) const {
    const bh::test::TempFolder folder;
    const auto write = [&](const char* name, const json::value& value) {
      if (!value.is_null()) std::ofstream(folder / name, std::ios::binary) << bh::write_json(value);
    };
    write("tokenizer.json", tokenizer);
    write("tokenizer_config.json", config);
    write("generation_config.json", generation);
    if (beside) beside(folder.path());
    return Tokenizer::from_hf_folder(folder.path(), pre_override);
  }

  std::string refusal() const {
    try {
      read();
    } catch (const bh::Error& error) {
      REQUIRE(error.kind() == bh::ErrorKind::setup);
      return error.what();
    }
    return "";
  }

  json::object& part(const char* name) { return tokenizer.as_object()[name].as_object(); }
};

/// Byte-level BPE over a few letters: ids a 0, b 1, c 2, ab 3, bc 4, abc 5, </s> 6, <tool> 7.
Folder byte_level() {
  Folder folder;
  folder.tokenizer = bh::parse_json(R"({
    "added_tokens": [{"id": 6, "content": "</s>", "special": true},
                     {"id": 7, "content": "<tool>", "special": false, "lstrip": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5},
              "merges": ["b c", ["a", "b"], "ab c"]}})",
                                    "test");
  return folder;
}

/// BPE with byte fallback as Llama 2's tokenizer.json has it.
Folder spm_like() {
  Folder folder;
  folder.tokenizer = bh::parse_json(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
                     {"id": 2, "content": "</s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing",
                       "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
              "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x0A>": 3, "<0xE9>": 4, "▁": 5, "a": 6, "b": 7, "▁a": 8,
                        "ab": 9, "▁ab": 10, "ba": 11},
              "merges": ["▁ a", "a b", "▁a b"]}})",
                                    "test");
  return folder;
}

json::value split_pre_tokenizer(const std::string& regex) {
  json::value value = bh::parse_json(R"({"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})",
                                     "test");
  value.at("pretokenizers").as_array()[0].at("pattern").as_object()["Regex"] = regex;
  return value;
}

}  // namespace

TEST_CASE("a byte-level tokenizer.json is read with both spellings of merges") {
  Folder folder = byte_level();
  const Tokenizer tokenizer = folder.read();
  REQUIRE(tokenizer.vocabulary().model == "gpt2");
  REQUIRE(tokenizer.vocabulary().pre == "gpt-2");
  REQUIRE(tokenizer.vocabulary().merges == std::vector<std::string>{"b c", "a b", "ab c"});
  REQUIRE(tokenizer.encode("abc") == Ids{0, 4});
  REQUIRE(tokenizer.encode("ab</s>a<tool>", {true, true}) == Ids{3, 6, 0, 7});
  REQUIRE(tokenizer.encode("a<tool>", {true, false}) == Ids{0, 7});
  folder.part("model")["ignore_merges"] = true;
  REQUIRE(folder.read().encode("abc") == Ids{5});
  folder.part("model").erase("type");
  REQUIRE(folder.read().encode("abc") == Ids{5});
}

TEST_CASE("gaps between ids are filled with unused tokens") {
  Folder folder = byte_level();
  folder.part("model")["vocab"].as_object()["Ġ"] = 10;
  const Tokenizer tokenizer = folder.read();
  REQUIRE(tokenizer.size() == 11);
  REQUIRE(tokenizer.vocabulary().types[9] == TokenType::unused);
  REQUIRE(tokenizer.piece(9, true).empty());
  REQUIRE(tokenizer.encode(" ") == Ids{10});
}

TEST_CASE("one huge id in a short file does not bring millions of tokens") {
  Folder folder = byte_level();
  folder.part("model")["vocab"].as_object()["d"] = 60000;
  REQUIRE(folder.read().size() == 60001);
  folder.part("model")["vocab"].as_object()["d"] = 100000;
  REQUIRE(folder.refusal().find("\"d\" has the id 100000, which is out of range") != std::string::npos);
}

TEST_CASE("a pre-tokenizer is recognised by its pattern") {
  const std::string llama3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
      "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  Folder folder = byte_level();
  folder.tokenizer.as_object()["pre_tokenizer"] = split_pre_tokenizer(llama3);
  REQUIRE(folder.read().vocabulary().pre == "llama-bpe");
  REQUIRE(folder.read("default").vocabulary().pre == "default");
  folder.tokenizer.as_object()["pre_tokenizer"] = split_pre_tokenizer("\\w+");
  REQUIRE(folder.refusal().find("\\w+") != std::string::npos);
  REQUIRE(folder.read("llama-bpe").vocabulary().pre == "llama-bpe");
}

TEST_CASE("BPE with byte fallback is SPM, scored by the rank of its merges") {
  Folder folder = spm_like();
  const Tokenizer tokenizer = folder.read();
  REQUIRE(tokenizer.vocabulary().model == "llama");
  REQUIRE(tokenizer.vocabulary().add_bos);
  REQUIRE(tokenizer.vocabulary().bos == 1);
  REQUIRE(tokenizer.vocabulary().unknown == 0);
  REQUIRE(tokenizer.encode("ab") == Ids{1, 10});
  REQUIRE(tokenizer.encode("aab") == Ids{1, 8, 9});
  REQUIRE(tokenizer.encode("b ab\n") == Ids{1, 5, 7, 10, 3});
  REQUIRE(tokenizer.encode("bba") == Ids{1, 5, 7, 7, 6});  // no merge makes "ba"
  REQUIRE(tokenizer.encode("b\xE9z") == Ids{1, 5, 7, 4, 0});
  REQUIRE(tokenizer.decode(tokenizer.encode("b ab\n")) == "b ab\n");
  // "▁a b" and "▁ ab" make the same token: the better of their ranks is its score.
  folder.part("model")["merges"] = json::array{"▁a b", "a b", "▁ a", "▁ ab"};
  REQUIRE(folder.read().vocabulary().scores[10] == -1.0f);
  folder.part("normalizer")["normalizers"].as_array().erase(
      folder.part("normalizer")["normalizers"].as_array().begin());
  REQUIRE(folder.read().encode("ab") == Ids{1, 9});
}

TEST_CASE("BOS and EOS come from the template, else from tokenizer_config.json") {
  Folder folder = byte_level();
  folder.config = bh::parse_json(R"({"bos_token": {"content": "<tool>"}, "eos_token": "</s>", "add_bos_token": true,
                                     "pad_token": "none such"})",
                                 "test");
  Tokenizer tokenizer = folder.read();
  REQUIRE(tokenizer.encode("a") == Ids{7, 0});
  REQUIRE(tokenizer.vocabulary().eos == 6);
  REQUIRE(tokenizer.warnings().size() == 1);
  REQUIRE(tokenizer.warnings()[0].find("none such") != std::string::npos);

  folder.tokenizer.as_object()["post_processor"] = bh::parse_json(
      R"({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
          "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}]}]})",
      "test");
  tokenizer = folder.read();
  REQUIRE(tokenizer.encode("a") == Ids{0, 6});

  folder.config.as_object()["bos_token"] = "none such";
  REQUIRE(folder.refusal().find("none such") != std::string::npos);
}

TEST_CASE("generation_config.json says where a generation ends") {
  Folder folder = byte_level();
  folder.generation = bh::parse_json(R"({"bos_token_id": 7, "eos_token_id": [6, 2, 1, 0], "pad_token_id": 5})", "test");
  const Tokenizer tokenizer = folder.read();
  for (const TokenId id : {6, 2, 1, 0}) REQUIRE(tokenizer.is_eog(id));
  REQUIRE_FALSE(tokenizer.is_eog(5));
  REQUIRE(tokenizer.vocabulary().eos == 6);
  REQUIRE(tokenizer.vocabulary().padding == 5);
  folder.generation.as_object()["eos_token_id"] = 4;
  REQUIRE(folder.read().is_eog(4));
  for (const json::value& bad : {json::value(8), json::value(-1), json::value("6"), json::value(json::array{99})}) {
    folder.generation.as_object()["eos_token_id"] = bad;
    REQUIRE(folder.refusal().find("generation_config.json") != std::string::npos);
  }
}

TEST_CASE("the chat template is a text or the default of several") {
  Folder folder = byte_level();
  folder.config = bh::parse_json(R"({"chat_template": "one"})", "test");
  REQUIRE(folder.read().vocabulary().chat_template == "one");
  folder.config = bh::parse_json(
      R"({"chat_template": [{"name": "tools", "template": "two"}, {"name": "default", "template": "three"}]})", "test");
  REQUIRE(folder.read().vocabulary().chat_template == "three");
}

TEST_CASE("chat_template.jinja is read where no template is set, and only as a regular file of bounded size") {
  Folder folder = byte_level();
  const auto refused = [&](const std::function<void(const std::filesystem::path&)>& make) {
    folder.config = nullptr;
    folder.beside = [&](const std::filesystem::path& path) { make(path / "chat_template.jinja"); };
    const std::string message = folder.refusal();
    folder.config = bh::parse_json(R"({"chat_template": "one"})", "test");
    CHECK(folder.read().vocabulary().chat_template == "one");
    return message;
  };
  const auto written = [](std::size_t bytes) {
    return [bytes](const std::filesystem::path& path) { std::ofstream(path) << std::string(bytes, 'a'); };
  };
  CHECK(refused(written(1 << 20)).empty());
  CHECK_THAT(refused(written((1 << 20) + 1)), Catch::Contains("chat_template.jinja has 1048577 bytes"));
  const auto irregular = Catch::Contains("chat_template.jinja: not a regular file");
  CHECK_THAT(refused([](const auto& path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }), irregular);
  CHECK_THAT(refused([](const auto& path) { std::filesystem::create_directory(path); }), irregular);
  CHECK_THAT(refused([](const auto& path) { std::filesystem::create_symlink("/dev/zero", path); }), irregular);
  folder.config = nullptr;
  folder.beside = [](const std::filesystem::path& path) { std::ofstream(path / "chat_template.jinja") << "two"; };
  CHECK(folder.read().vocabulary().chat_template == "two");
}

TEST_CASE("a file of the folder whose links form a loop is refused by its name, and an absent one is not") {
  Folder folder = byte_level();
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"}) {
    CAPTURE(name);
    folder.beside = [name](const std::filesystem::path& path) {
      std::filesystem::remove(path / name);
      std::filesystem::create_symlink(name, path / name);
    };
    CHECK_THAT(folder.refusal(), Catch::Contains(name) && Catch::Contains("symbolic links"));
  }
  folder.beside = [](const std::filesystem::path& path) {
    std::filesystem::create_symlink("none", path / "tokenizer_config.json");
  };
  CHECK(folder.refusal().empty());
}

TEST_CASE("the files beside tokenizer.json are bounded by what they are for") {
  Folder folder = byte_level();
  const auto padded = [&](const char* name, std::size_t bytes) {
    folder.beside = [=](const std::filesystem::path& path) {
      std::ofstream(path / name) << "{}" << std::string(bytes - 2, ' ');
    };
    return folder.refusal();
  };
  CHECK(padded("generation_config.json", 1 << 20).empty());
  CHECK_THAT(padded("generation_config.json", (1 << 20) + 1), Catch::Contains("generation_config.json has 1048577"));
  CHECK(padded("tokenizer_config.json", 16 << 20).empty());
  CHECK_THAT(padded("tokenizer_config.json", (16 << 20) + 1), Catch::Contains("tokenizer_config.json has 16777217"));
}

TEST_CASE("what would change the ids in a way not understood is refused with its name") {
  const auto refused = [](const std::function<void(Folder&)>& change, const std::string& because) {
    Folder folder = byte_level();
    change(folder);
    INFO("because: " << because << ", message: " << folder.refusal());
    REQUIRE(folder.refusal().find(because) != std::string::npos);
  };
  const auto set = [](const char* part, const std::string& text) {
    return [part, text](Folder& folder) { folder.tokenizer.as_object()[part] = bh::parse_json(text, "test"); };
  };
  const auto set_model = [](const char* key, const json::value& value) {
    return [key, value](Folder& folder) { folder.part("model")[key] = value; };
  };
  refused(set("normalizer", R"({"type": "NFC"})"), "NFC");
  refused(set("normalizer", R"({"type": "Sequence", "normalizers": [{"type": "Lowercase"}]})"), "Lowercase");
  refused(set("pre_tokenizer", R"({"type": "Metaspace"})"), "Metaspace");
  refused(set("pre_tokenizer", "null"), "(none)");
  refused(set("pre_tokenizer", R"({"type": "ByteLevel", "add_prefix_space": true})"), "add_prefix_space");
  refused(set("pre_tokenizer", R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})"), "pattern");
  refused(set("post_processor", R"({"type": "BertProcessing"})"), "BertProcessing");
  refused(set("model", R"({"type": "Unigram", "vocab": []})"), "Unigram");
  refused(set("model", R"([])"), "object");
  refused(set("added_tokens", R"([{"id": 6, "content": "x", "rstrip": true}])"), "rstrip");
  refused(set("added_tokens", R"([{"id": 3, "content": "x"}])"), "same id 3");
  refused(set("added_tokens", R"([{"id": 999999999, "content": "x"}])"), "999999999");
  refused(set("added_tokens", R"([{"id": -1, "content": "x"}])"), "-1");
  refused(set_model("end_of_word_suffix", "</w>"), "end_of_word_suffix");
  refused(set_model("unk_token", "none such"), "none such");
  refused(set_model("merges", json::array{1}), "merge");
  refused(set_model("merges", json::array{"a z"}), "a z");
  refused(set_model("merges", 1), "merges");
  refused(set_model("vocab", 1), "vocab");
  refused([](Folder& folder) { folder.tokenizer = json::array{}; }, "object");
  refused([](Folder& folder) { folder.tokenizer = json::object{}; }, "model");
  refused([](Folder& folder) { folder.tokenizer = nullptr; }, "no tokenizer.json");

  Folder folder = spm_like();
  folder.part("model")["byte_fallback"] = false;
  REQUIRE(folder.refusal().find("byte_fallback") != std::string::npos);
  folder = spm_like();
  folder.part("model")["merges"] = json::array{"b b"};
  REQUIRE(folder.refusal().find("bb") != std::string::npos);
}

TEST_CASE("the shipped model's tokenizer is read whole") {
  const Tokenizer tokenizer = Tokenizer::from_hf_folder(bh::test::shipped_model() / "bf16");
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  REQUIRE(tokenizer.size() == 2048);
  REQUIRE(vocabulary.pre == "llama-bpe");
  REQUIRE(vocabulary.bos == 2044);
  REQUIRE(vocabulary.eos == 2045);
  REQUIRE(vocabulary.eot == 2046);
  REQUIRE(vocabulary.padding == 2047);
  REQUIRE(vocabulary.add_bos);
  REQUIRE_FALSE(vocabulary.add_eos);
  REQUIRE(tokenizer.is_eog(2045));
  REQUIRE(tokenizer.is_eog(2046));
  REQUIRE_FALSE(tokenizer.is_eog(2047));
  REQUIRE(vocabulary.types[2046] == TokenType::control);
}
