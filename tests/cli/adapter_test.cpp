// The adapter of third_party/bitnet.cpp, built by scripts/build-adapter against a fake library in both generations of
// llama.h: each answer of the protocol, and what the library does wrong.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "harness/io/child.h"
#include "harness/io/frame.h"
#include "harness/io/worker.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh;
using harness::Frame;

namespace {

const std::string kModel = (test::shipped_model() / "kjv-3m-i2_s.gguf").string();
constexpr std::size_t kVocabulary = 257;

class Adapter {
 public:
  explicit Adapter(const std::string& program, const std::string& order = "", std::vector<std::string> more = {})
      : child_(command(program, order, std::move(more)), limits()),
        reader_([this](char* data, std::size_t size) { return child_.read(data, size); }) {
    REQUIRE(reader_.next(hello));
  }
  void ask(const Frame& request) {
    write_frame(request, [this](std::string_view bytes) { child_.write(bytes); });
  }
  Frame next() {
    Frame frame;
    REQUIRE(reader_.next(frame));
    return frame;
  }
  Frame ask_one(const Frame& request) {
    ask(request);
    return next();
  }
  harness::ChildStatus finish() { return child_.finish(); }

  Frame hello;

 private:
  static harness::Command command(const std::string& program, const std::string& order, std::vector<std::string> more) {
    harness::Command command;
    command.program = program;
    command.arguments = {"-m", kModel};
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    command.environment = {{"FAKE_LLAMA", order}};
    return command;
  }
  static harness::ChildLimits limits() {
    harness::ChildLimits limits;
    limits.time = std::chrono::seconds(20);
    return limits;
  }

  harness::Child child_;
  harness::FrameReader reader_;
};

template <class Value>
std::string bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

template <class Value>
std::vector<Value> values_of(const std::string& bytes) {
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<float> logits(Adapter& adapter, const std::vector<std::int32_t>& ids, const std::string& mode) {
  adapter.ask({"logits", {{"mode", mode}}, bytes_of(ids)});
  std::vector<float> all;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Frame row = adapter.next();
    CHECK(row.name == "row");
    CHECK(row.integer("position") == static_cast<std::int64_t>(i));
    const auto values = values_of<float>(row.payload);
    CHECK(values.size() == kVocabulary);
    all.insert(all.end(), values.begin(), values.end());
  }
  CHECK(adapter.next().name == "done");
  return all;
}

const std::vector<std::string> kBoth = {BH_FAKE_ADAPTER_1, BH_FAKE_ADAPTER_2};

}  // namespace

TEST_CASE("the adapter introduces its reference, whatever the generation of llama.h") {
  std::set<std::string> interfaces;
  for (const std::string& program : kBoth) {
    Adapter adapter(program);
    CHECK(adapter.hello.name == "hello");
    CHECK(adapter.hello.text("protocol") == harness::kWorkerProtocol);
    CHECK(adapter.hello.text("version").substr(0, 4) == "fake");
    CHECK(adapter.hello.integer("n_vocab") == kVocabulary);
    CHECK(adapter.hello.integer("n_ctx") == 96);
    CHECK(adapter.hello.text("fact.activation") == "relu_sqr");
    CHECK(adapter.hello.text("fact.system_info") == "FAKE = 1");
    interfaces.insert(adapter.hello.text("fact.api"));
    CHECK(adapter.ask_one({"describe", {}, {}}).name == "subject");
    const auto status = adapter.finish();
    CHECK(status.ending == harness::Ending::exited);
    CHECK(status.exit_code == 0);
    CHECK(Adapter(program, "silu").hello.text("fact.activation") == "silu");
    CHECK(Adapter(program, "", {"-c", "24"}).hello.integer("n_ctx") == 24);
  }
  CHECK(interfaces == std::set<std::string>{"llama_model", "llama_vocab"});
}

TEST_CASE("the adapter's tokens, logits and greedy text are its library's") {
  for (const std::string& program : kBoth) {
    Adapter adapter(program);
    const Frame frame = adapter.ask_one({"tokenize", {{"add_bos", "1"}}, "Go!"});
    CHECK(frame.name == "ids");
    const auto ids = values_of<std::int32_t>(frame.payload);
    CHECK(ids == std::vector<std::int32_t>{256, 'G', 'o', '!'});
    CHECK(adapter.ask_one({"detokenize", {}, frame.payload}).payload == "Go!");
    const auto batch = logits(adapter, ids, "batch"), single = logits(adapter, ids, "single");
    CHECK(batch == single);
    CHECK(logits(adapter, {256, 'G'}, "batch") == std::vector<float>(batch.begin(), batch.begin() + 2 * kVocabulary));
    adapter.ask({"generate", {{"max_tokens", "5"}}, frame.payload});
    const Frame steps = adapter.next(), done = adapter.next();
    CHECK(values_of<std::int64_t>(steps.payload).size() == 4);
    const auto text = values_of<std::int32_t>(done.payload);
    REQUIRE(text.size() == 5);
    const auto last = batch.end() - kVocabulary;
    CHECK(text[0] == static_cast<std::int32_t>(std::max_element(last, batch.end()) - last));
    logits(adapter, ids, "batch");
    for (const char* reused : {"0", "4"}) {  // the second time the prompt is still there
      adapter.ask({"time", {{"decode_tokens", "5"}}, frame.payload});
      adapter.next();
      const Frame timed = adapter.next();
      CHECK(timed.text("reused") == reused);
      CHECK(values_of<std::int32_t>(timed.payload) == text);
    }
    Adapter rounding(program, "batch");
    CHECK(logits(rounding, ids, "batch") != logits(rounding, ids, "single"));
  }
}

TEST_CASE("a trace names what the graph calls otherwise, in the order computed") {
  for (const std::string& program : kBoth) {
    for (const std::string mode : {"batch", "single"}) {
      Adapter adapter(program);
      adapter.ask({"trace", {{"mode", mode}}, bytes_of(std::vector<std::int32_t>{1, 2, 3})});
      std::vector<std::string> names;
      for (Frame tensor = adapter.next(); tensor.name != "done"; tensor = adapter.next()) {
        names.push_back(tensor.text("name"));
        CHECK(tensor.integer("layer") == (names.back() == "logits" ? -1 : 0));
        CHECK(tensor.integer("rows") == (mode == "batch" ? 3 : 1));
        CHECK(tensor.payload.size() ==
              static_cast<std::size_t>(tensor.integer("rows") * tensor.integer("dim")) * sizeof(float));
      }
      const std::vector<std::string> once = {"attn_norm", "q", "q_rope", "ffn_gate", "ffn_up", "ffn_glu", "logits"};
      REQUIRE(names.size() == once.size() * (mode == "batch" ? 1 : 3));
      CHECK(std::vector<std::string>(names.begin(), names.begin() + 7) == once);
    }
  }
}

TEST_CASE("what cannot be done is answered in words, and the adapter goes on") {
  Adapter adapter(kBoth[0]);
  for (const Frame& request : {Frame{"fly", {}, {}}, Frame{"logits", {}, {}}, Frame{"logits", {}, "abc"},
                               Frame{"logits", {{"mode", "sideways"}}, bytes_of(std::vector<std::int32_t>{1})},
                               Frame{"logits", {}, bytes_of(std::vector<std::int32_t>{257})},
                               Frame{"logits", {}, bytes_of(std::vector<std::int32_t>(97, 1))},
                               Frame{"generate", {{"max_tokens", "96"}}, bytes_of(std::vector<std::int32_t>{1})},
                               Frame{"time", {{"decode_tokens", "-1"}}, bytes_of(std::vector<std::int32_t>{1})}}) {
    const Frame answer = adapter.ask_one(request);
    CHECK(answer.name == "error");
    CHECK(answer.text("kind") == "usage");
    CHECK_FALSE(answer.payload.empty());
  }
  CHECK(adapter.ask_one({"tokenize", {{"add_bos", "0"}}, "a"}).name == "ids");
}

TEST_CASE("a library that refuses, throws, prints or dies is told apart") {
  Adapter refused(kBoth[0], "refuse");
  CHECK(refused.hello.name == "error");
  CHECK(refused.hello.text("kind") == "setup");
  CHECK_THAT(refused.finish().last_words, Catch::Contains("fake: cannot load"));
  Adapter throws(kBoth[1], "throw");
  throws.ask({"logits", {}, bytes_of(std::vector<std::int32_t>{1})});
  CHECK_THAT(throws.next().payload, Catch::Contains("thrown through the C API"));
  CHECK(throws.ask_one({"describe", {}, {}}).name == "subject");
  CHECK(Adapter(kBoth[0], "print").hello.name == "hello");
  Adapter crashes(kBoth[0], "crash");
  crashes.ask({"logits", {}, bytes_of(std::vector<std::int32_t>{1})});
  const auto status = crashes.finish();
  CHECK(status.ending == harness::Ending::signalled);
  CHECK(status.signal == 11);
}
