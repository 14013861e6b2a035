#include "harness/io/worker_server.h"

#include <cstring>

#include "engine/base/error.h"
#include "harness/io/worker.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;
using engine::TokenId;

namespace {

/// Logits are position + id / 10; what it generates counts up from the prompt's last id.
class CountingSubject final : public Subject {
 public:
  SubjectInfo describe() const override {
    SubjectInfo info;
    info.name = "counting";
    info.version = "1";
    info.n_vocab = 4;
    info.n_ctx = 8;
    info.kernels = {{"count.scalar", calls_}};
    info.facts = {{"colour", "blue and green"}, {"number", 1}};
    return info;
  }
  std::string why_not(Ability ability) const override { return ability == Ability::sample ? "no dice" : ""; }
  std::vector<TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override {
    return std::vector<TokenId>(text.size() + (options.add_special ? 1 : 0), options.parse_special ? 1 : 0);
  }
  std::string detokenize(std::span<const TokenId> ids) override { return std::string(ids.size(), 'x'); }
  std::vector<float> logits(std::span<const TokenId> ids) override {
    ++calls_;
    std::vector<float> all;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (int id = 0; id < 4; ++id) all.push_back(static_cast<float>(i) + static_cast<float>(id) / 10);
    }
    return all;
  }
  engine::Generation generate(std::span<const TokenId> prompt, const engine::GenerateOptions& options) override {
    last_options = options;
    engine::Generation generation;
    for (std::int32_t i = 0; i < options.max_tokens; ++i) generation.ids.push_back((prompt.back() + 1 + i) % 4);
    generation.prefill_ns = 7;
    generation.decode_ns = 9;
    generation.step_ns = {4, 5};
    return generation;
  }
  void trace(std::span<const TokenId> ids, const engine::Tap& tap) override {
    const std::vector<float> values(ids.size() * 2, 0.5f);
    tap("embed", -1, values, 2);
    tap("q", 0, values, 2);
    throw std::runtime_error("the tap broke");
  }
  Timing time(const TimingRequest& request) override {
    return {std::vector<TokenId>(static_cast<std::size_t>(request.decode_tokens), 2),
            request.reuse_prompt ? 0 : 11,
            13,
            {}};
  }

  engine::GenerateOptions last_options;

 private:
  std::uint64_t calls_ = 0;
};

std::string ids(std::vector<TokenId> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(TokenId)};
}

std::string as_text(const Frame& frame) {
  std::string text;
  write_frame(frame, [&](std::string_view bytes) { text += bytes; });
  return text;
}

/// Everything the worker answers to these bytes, `hello` first. `ended_with` is the message of what it threw.
std::vector<Frame> answers(Subject& subject, const std::string& bytes, std::string* ended_with = nullptr) {
  std::size_t at = 0;
  std::string output;
  const ReadBytes read = [&](char* data, std::size_t size) {
    const std::size_t count = std::min(size, bytes.size() - at);
    bytes.copy(data, count, at);
    at += count;
    return count;
  };
  try {
    serve_worker(subject, read, [&](std::string_view text) { output += text; });
  } catch (const Error& error) {
    if (ended_with == nullptr) throw;
    *ended_with = error.what();
  }
  std::vector<Frame> frames;
  at = 0;
  FrameReader reader([&](char* data, std::size_t size) {
    const std::size_t count = std::min(size, output.size() - at);
    output.copy(data, count, at);
    at += count;
    return count;
  });
  for (Frame frame; reader.next(frame);) frames.push_back(frame);
  return frames;
}

Frame answer(const Frame& request) {
  CountingSubject subject;
  const auto frames = answers(subject, as_text(request));
  REQUIRE(frames.size() >= 2);
  return frames[1];
}

}  // namespace

TEST_CASE("a worker greets with its protocol, its facts and what it can") {
  CountingSubject subject;
  const auto frames = answers(subject, "");
  REQUIRE(frames.size() == 1);
  const Frame& hello = frames[0];
  CHECK(hello.name == "hello");
  CHECK(hello.text("protocol") == "bitharness.worker/1");
  CHECK(hello.text("abilities") == "tokenize,logits,generate,trace,timing");
  CHECK(hello.text("name") == "counting");
  CHECK(hello.text("mock") == "0");
  CHECK(hello.integer("n_vocab") == 4);
  CHECK(hello.text("fact.colour") == "blue and green");
}

TEST_CASE("a worker answers each request, and counts kernels as it goes") {
  CountingSubject subject;
  const auto frames = answers(subject, as_text({"logits", {}, ids({1, 2})}) + as_text({"describe", {}, {}}) +
                                           as_text({"time", {{"decode_tokens", "3"}}, ids({1})}) +
                                           as_text({"time", {{"decode_tokens", "1"}, {"reuse", "0"}}, ids({1})}));
  REQUIRE(frames.size() == 7);
  CHECK(frames[1].name == "row");
  CHECK(frames[1].payload.size() == 16);
  CHECK(frames[2].text("position") == "1");
  float last = 0;
  std::memcpy(&last, frames[2].payload.data() + 12, 4);
  CHECK(last == 1.3f);
  CHECK(frames[3].name == "done");
  CHECK(frames[4].name == "subject");
  CHECK(frames[4].text("kernel.count.scalar") == "1");
  CHECK(frames[5].payload == ids({2, 2, 2}));
  CHECK(frames[5].text("reused") == "1");
  CHECK(frames[6].text("reused") == "0");
  CHECK(answer({"tokenize", {{"parse_special", "1"}}, "ab"}).payload == ids({1, 1, 1}));
  CHECK(answer({"tokenize", {{"add_bos", "0"}}, "ab"}).payload == ids({0, 0}));
  // Text may be longer than the context: nothing is computed with it.
  CHECK(answer({"detokenize", {}, ids(std::vector<TokenId>(9, 1))}).payload == "xxxxxxxxx");
}

TEST_CASE("a worker generates greedily unless it is told how to sample") {
  CountingSubject subject;
  auto frames = answers(subject, as_text({"generate", {{"max_tokens", "3"}}, ids({1})}));
  REQUIRE(frames.size() == 3);
  CHECK(frames[1].name == "steps");
  CHECK(frames[1].payload.size() == 16);
  CHECK(frames[2].payload == ids({2, 3, 0}));
  CHECK(frames[2].text("prefill_ns") == "7");
  CHECK(subject.last_options.sampling.temperature == 0);
  CHECK(subject.last_options.ignore_eog);
  answers(subject, as_text({"generate", {{"max_tokens", "1"}, {"temperature", "0.5"}, {"seed", "9"}}, ids({1})}));
  CHECK(subject.last_options.sampling.temperature == 0.5f);
  CHECK(subject.last_options.sampling.seed == 9);
}

TEST_CASE("what a worker cannot do is an error frame, and it goes on") {
  CountingSubject subject;
  const std::vector<Frame> wrong = {
      {"sing", {}, {}},
      {"logits", {}, {}},
      {"logits", {}, "abc"},
      {"logits", {}, ids({4})},
      {"logits", {}, ids({-1})},
      {"logits", {}, ids(std::vector<TokenId>(9, 1))},
      {"logits", {{"mode", "sideways"}}, ids({1})},
      {"generate", {{"max_tokens", "many"}}, ids({1})},
      {"generate", {{"max_tokens", "99999999999"}}, ids({1})},
      {"generate", {{"top_p", "7"}}, ids({1})},
      {"time", {{"decode_tokens", "-1"}}, ids({1})},
  };
  std::string bytes;
  for (const Frame& frame : wrong) bytes += as_text(frame);
  const auto frames = answers(subject, bytes + as_text({"describe", {}, {}}));
  REQUIRE(frames.size() == wrong.size() + 2);
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    CAPTURE(i);
    CHECK(frames[i + 1].name == "error");
    CHECK(frames[i + 1].text("kind") == "usage");
    CHECK_FALSE(frames[i + 1].payload.empty());
  }
  CHECK(frames.back().name == "subject");
}

TEST_CASE("an error in the middle of an answer ends that answer") {
  CountingSubject subject;
  const auto frames = answers(subject, as_text({"trace", {}, ids({1, 2})}) + as_text({"describe", {}, {}}));
  REQUIRE(frames.size() == 5);
  CHECK(frames[1].text("rows") == "2");
  CHECK(frames[2].text("layer") == "0");
  CHECK(frames[3].name == "error");
  CHECK(frames[3].payload == "the tap broke");
  CHECK(frames[4].name == "subject");
}

TEST_CASE("bytes that are no frame are answered once and end the worker") {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("logits 99999999999999 \n"),
                                   std::string("logits 8 \nabc"), std::string(100'000, 'y'), std::string("\0\n", 2)}) {
    CountingSubject subject;
    std::string ended_with;
    const auto frames = answers(subject, bytes, &ended_with);
    REQUIRE(frames.size() == 2);
    CHECK(frames[1].name == "error");
    CHECK_FALSE(ended_with.empty());
  }
}
