// The commands as users call them, on the shipped model: streams, documents, exit codes.
#include <filesystem>
#include <fstream>

#include "engine/base/json.h"
#include "harness/core/text.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;

namespace {

const std::string kPrompt = "And God said";

json::value document_of(const Finished& run) {
  INFO(run.err);
  REQUIRE(run.code == 0);
  return parse_json(run.out, "stdout");
}

std::vector<std::string> run_args(std::vector<std::string> more) {
  std::vector<std::string> args = {"run", "-p", kPrompt, "-n", "24", "--temp", "0"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

}  // namespace

TEST_CASE("run warns where a template's control tokens are plain text to the model") {
  const auto run_with = [](const std::string& form) {
    return bitharness({"run", "-p", "Hi", "-n", "2", "--template", form});
  };
  const Finished foreign = run_with("llama3-chat"), own = run_with("bitnet-chat");
  CHECK(foreign.code == 0);
  CHECK_THAT(foreign.err, Contains("warning: the vocabulary has no <|start_header_id|>, <|end_header_id|>, which"));
  CHECK_THAT(own.err, !Contains("the vocabulary has no"));
}

TEST_CASE("run finds the shipped model and streams text, and says what it did on stderr") {
  const Finished run = bitharness(run_args({}));
  CHECK(run.code == 0);
  CHECK(run.out.size() > 20);
  CHECK(run.out.back() == '\n');
  CHECK_THAT(run.err, Contains("tok/s"));
  CHECK(run.out.find("tok/s") == std::string::npos);
}

TEST_CASE("run --json holds the same text with ids, timings, stop reason and kernel counts") {
  const std::string text = bitharness(run_args({})).out;
  const auto document = document_of(bitharness(run_args({"--json"})));
  CHECK(std::string(document.at("text").as_string().c_str()) + "\n" == text);
  CHECK(document.at("ids").as_array().size() == 24);
  CHECK(document.at("stop_reason") == "max_tokens");
  const auto& timings = document.at("timings").as_object();
  for (const char* name : {"load_ns", "prefill_ns", "decode_ns"}) CHECK(timings.at(name).as_int64() > 0);
  CHECK(timings.at("prefill_tokens").as_int64() ==
        static_cast<std::int64_t>(document.at("prompt_ids").as_array().size()));
  CHECK(timings.at("decode_tokens").as_int64() ==
        static_cast<std::int64_t>(timings.at("step_ns").as_array().size()) + timings.at("accepted_tokens").as_int64());
  CHECK(timings.at("drafted_tokens").as_int64() >= timings.at("accepted_tokens").as_int64());
  CHECK(timings.at("decode_tokens").as_int64() >= 23);
  REQUIRE_FALSE(document.at("kernels").as_object().empty());
  for (const auto& kernel : document.at("kernels").as_object()) CHECK(kernel.value().as_int64() > 0);
}

TEST_CASE("the ids do not depend on speculation") {
  const auto run = [](const std::string& temperature, const std::string& when) {
    return document_of(bitharness({"run", "-p", "And the LORD said unto Moses, Speak unto the children of Israel", "-n",
                                   "150", "--temp", temperature, "--speculate", when, "--json"}));
  };
  for (const std::string temperature : {"0", "0.8"}) {
    const auto guessed = run(temperature, "auto"), plain = run(temperature, "never");
    CHECK(write_json_line(guessed.at("ids")) == write_json_line(plain.at("ids")));
    CHECK(guessed.at("text") == plain.at("text"));
    CHECK(plain.at("timings").as_object().at("drafted_tokens") == 0);
  }
}

TEST_CASE("the ids do not depend on threads, batches or kernels") {
  const auto ids = [](std::vector<std::string> more) {
    more.emplace_back("--json");
    return write_json_line(document_of(bitharness(run_args(more))).at("ids"));
  };
  const std::string expected = ids({"-t", "1"});
  CHECK(ids({"-t", "2"}) == expected);
  CHECK(ids({"-ub", "1"}) == expected);
  CHECK(ids({"-b", "3", "-ub", "2"}) == expected);
  CHECK(ids({"--kernel", "scalar"}) == expected);
}

TEST_CASE("sampling repeats itself with its seed and differs with another") {
  const auto text = [](const std::string& seed) {
    return bitharness({"run", "-p", kPrompt, "-n", "24", "--temp", "1.2", "-s", seed}).out;
  };
  CHECK(text("7") == text("7"));
  CHECK(text("7") != text("8"));
}

TEST_CASE("a prompt may come from a file or the standard input and gives the same text") {
  const test::TempFolder folder;
  const std::string path = (folder / "prompt.txt").string();
  std::ofstream(path) << kPrompt << "\n";
  const std::string expected = bitharness(run_args({})).out;
  const std::vector<std::string> common = {"-n", "24", "--temp", "0"};
  const auto with = [&](std::vector<std::string> args) {
    args.insert(args.end(), common.begin(), common.end());
    return args;
  };
  CHECK(bitharness(with({"run", "-f", path})).out == expected);
  CHECK(bitharness(with({"run"}), kPrompt + "\n").out == expected);
  CHECK(bitharness(with({"run", "-f", "-"}), kPrompt).out == expected);
}

TEST_CASE("generation ends before a stop text and says so") {
  const std::string text = bitharness(run_args({})).out;
  const std::string stop = text.substr(text.size() / 2, 4);
  const auto document = document_of(bitharness(run_args({"--stop", stop, "--json"})));
  const std::string cut = document.at("text").as_string().c_str();
  CHECK(document.at("stop_reason") == "stop_text");
  CHECK(cut == text.substr(0, text.find(stop)));
}

TEST_CASE("a full context ends the generation, and a prompt that does not fit is refused") {
  const auto document =
      document_of(bitharness({"run", "-p", kPrompt, "-c", "16", "--temp", "0", "--ignore-eog", "--json"}));
  CHECK(document.at("stop_reason") == "context_full");
  CHECK(document.at("n_ctx") == 16);
  const Finished run =
      bitharness({"run", "-f", "-", "-c", "8"}, "In the beginning God created the heaven and the earth.");
  CHECK(run.code == 2);
  CHECK(is_one_clear_line(run.err));
}

TEST_CASE("tokenize gives ids that stand for the text") {
  const auto document = document_of(bitharness({"tokenize", "-p", "In the beginning", "--json"}));
  std::string joined;
  for (const auto& piece : document.at("pieces").as_array()) joined += piece.as_string().c_str();
  CHECK_THAT(joined, Contains("In the beginning"));
  const auto ids = document.at("ids").as_array().size();
  const auto bare = document_of(bitharness({"tokenize", "-p", "In the beginning", "--json", "--no-bos"}));
  CHECK(bare.at("ids").as_array().size() + 1 == ids);
  const Finished pieces = bitharness({"tokenize", "--pieces"}, "a\n\xff");
  CHECK(pieces.code == 0);
  CHECK_THAT(pieces.out, Contains("\\x0a"));
  CHECK_THAT(pieces.out, Contains("\\xff"));
  CHECK(bitharness({"tokenize", "-p", ""}).code == 0);
}

TEST_CASE("inspect describes GGUF and Hugging Face forms of one model alike") {
  const auto folder = shipped_model();
  const auto gguf = document_of(bitharness({"inspect", "--json", (folder / "kjv-3m-i2_s.gguf").string()}));
  CHECK(gguf.at("format") == "GGUF v3");
  CHECK(gguf.at("architecture") == "bitnet-b1.58");
  CHECK(gguf.at("tensor_count") == 46);
  CHECK(gguf.at("quantization").at("I2_S") == 28);
  CHECK(gguf.at("sha256").as_string().size() == 64);
  CHECK(gguf.at("tokenizer").at("vocab_size") == 2048);
  CHECK(gguf.at("scoring_policy").at("add_bos").as_bool());
  for (const char* form : {"packed", "bf16"}) {
    const auto hf = document_of(bitharness({"inspect", "--json", "-m", (folder / form).string()}));
    for (const char* key : {"n_vocab", "n_embd", "n_layer", "n_ff", "rms_eps", "activation"}) {
      CHECK(hf.at("config").at(key) == gguf.at("config").at(key));
    }
    CHECK(hf.at("kv_count").is_null());
  }
}

TEST_CASE("inspect --stats finds the shipped model sound") {
  const auto document = document_of(bitharness({"inspect", "--stats", "--json"}));
  CHECK(document.at("stats").at("suspicious") == 0);
  CHECK(document.at("stats").at("tensors").as_array().size() >= 46);
}

TEST_CASE("devices names every kernel, and why one cannot be used") {
  const auto document = document_of(bitharness({"devices", "--json"}));
  bool scalar = false;
  for (const auto& kernel : document.at("kernels").as_array()) {
    CHECK(kernel.at("usable").as_bool() == kernel.at("why_unusable").as_string().empty());
    scalar = scalar || (kernel.at("isa") == "scalar" && kernel.at("usable").as_bool());
  }
  CHECK(scalar);
  const Finished text = bitharness({"devices"});
  CHECK(text.code == 0);
  CHECK_THAT(text.out, Contains("cpu"));
}

TEST_CASE("the model may come from the environment or a configuration file, and --show-config says so") {
  const test::TempFolder folder;
  const std::string model = (shipped_model() / "packed").string();
  std::ofstream(folder / "config") << "threads = 1\n[run]\nmodel = /nonexistent\n";
  const Start start{
      {"run", "--show-config", "--config", (folder / "config").string()}, {{"BITHARNESS_MODEL", model}}, ""};
  const Finished shown = Process(start).finish();
  CHECK(shown.code == 0);
  CHECK_THAT(shown.out, Contains("model = " + model + "  # environment"));
  CHECK_THAT(shown.out, Contains("threads = 1  # config file"));
  Start run{run_args({"--json"}), {{"BITHARNESS_MODEL", model}}, ""};
  CHECK(document_of(Process(run).finish()).at("model").as_string() == model);
}

TEST_CASE("results that cannot be written are an error") {
  if (!std::filesystem::exists("/dev/full")) return;
  const Finished run = Process({{"devices"}, {}, "/dev/full"}).finish();
  CHECK(run.code == 4);
  CHECK(is_one_clear_line(run.err));
}

TEST_CASE("the completion script is one that bash can load") {
  const Finished run = bitharness({"completions", "bash"});
  const test::TempFolder folder;
  std::ofstream(folder / "script") << run.out
                                   << "COMP_WORDS=(bitharness run --thr); COMP_CWORD=2; _bitharness; "
                                      "[ \"${COMPREPLY[*]}\" = --threads ]\n";
  CHECK(std::system(("bash " + (folder / "script").string()).c_str()) == 0);
}
