// The generation loop over a backend that follows a script: stop rules, text held back, timings.
#include "engine/runtime/generate.h"

#include "engine/model/synth.h"
#include "tests/support/catch.h"
#include "tests/support/fake_backend.h"

namespace bh::engine {
namespace {

std::shared_ptr<const Model> model() {
  static const auto made = make_synth_model({});
  return made;
}

constexpr TokenId kPrompt[] = {'Q', ':'};

/// Generates after kPrompt from a backend that writes `script` byte by byte: byte tokens have their bytes as ids.
struct Run {
  explicit Run(std::string script, TokenId after_script = '.')
      : backend(model(), [script = std::move(script), after_script](std::span<const TokenId> past) {
          const std::size_t at = past.size() - std::size(kPrompt);
          const TokenId next = at < script.size() ? static_cast<unsigned char>(script[at]) : after_script;
          return test::FakeBackend::one_hot(model()->config.n_vocab, next);
        }) {
    options.sampling.temperature = 0.0f;
  }

  Generation operator()(std::int32_t n_ctx = 0, const Clock& clock = steady_clock()) {
    Session session(backend, n_ctx);
    return generate(
        session, kPrompt, options, [this](std::string_view text) { return on_text(text); }, clock);
  }
  bool on_text(std::string_view text) {
    shown.emplace_back(text);
    return shown.size() != cancel_after;
  }

  test::FakeBackend backend;
  GenerateOptions options;
  std::vector<std::string> shown;
  std::size_t cancel_after = 0;
};

}  // namespace

TEST_CASE("generation ends after max_tokens") {
  Run run("hello world");
  run.options.max_tokens = 5;
  const Generation result = run();
  CHECK(result.stop_reason == StopReason::max_tokens);
  CHECK(result.text == "hello");
  CHECK(result.ids == std::vector<TokenId>{'h', 'e', 'l', 'l', 'o'});
  CHECK(result.step_ns.size() == 4);  // the fifth token is not fed back
  CHECK(run.backend.steps.size() == 5);
  CHECK(run.shown == std::vector<std::string>{"h", "e", "l", "l", "o"});
}

TEST_CASE("max_tokens 0 only reads the prompt") {
  Run run("hello");
  run.options.max_tokens = 0;
  const Generation result = run();
  CHECK(result.stop_reason == StopReason::max_tokens);
  CHECK(result.ids.empty());
  CHECK(result.text.empty());
  CHECK(run.backend.steps.size() == 1);
}

TEST_CASE("an end-of-generation token ends it, is the last id and has no text") {
  const TokenId eos = model()->tokenizer.vocabulary().eos;
  Run run("bye", eos);
  Generation result = run();
  CHECK(result.stop_reason == StopReason::eog);
  CHECK(result.stop_detail == "<|end_of_text|>");
  CHECK(result.text == "bye");
  CHECK(result.ids == std::vector<TokenId>{'b', 'y', 'e', eos});

  Run going_on("bye", eos);
  going_on.options.ignore_eog = true;
  going_on.options.max_tokens = 6;
  result = going_on();
  CHECK(result.stop_reason == StopReason::max_tokens);
  CHECK(result.ids == std::vector<TokenId>{'b', 'y', 'e', eos, eos, eos});
  CHECK(result.text == "bye");
}

TEST_CASE("a stop text is found across tokens and cut off, and its beginning is held back until it is certain") {
  Run run("one <x two <end> three");
  run.options.stop_texts = {"<end>", "unused"};
  const Generation result = run();
  CHECK(result.stop_reason == StopReason::stop_text);
  CHECK(result.stop_detail == "<end>");
  CHECK(result.text == "one <x two ");
  CHECK(result.ids.size() == std::string("one <x two <end>").size());
  std::string shown;
  for (const std::string& piece : run.shown) shown += piece;
  CHECK(shown == result.text);
  CHECK(std::find(run.shown.begin(), run.shown.end(), "<x") != run.shown.end());  // '<' waited for what follows
}

TEST_CASE("what looked like a stop text is shown when generation ends before it is whole") {
  Run run("ab<en");
  run.options.stop_texts = {"<end>"};
  run.options.max_tokens = 5;
  const Generation result = run();
  CHECK(result.text == "ab<en");
  CHECK(run.shown.back() == "<en");
}

TEST_CASE("of several stop texts the first in the text counts") {
  Run run("a-b+c");
  run.options.stop_texts = {"+", "-"};
  const Generation result = run();
  CHECK(result.text == "a");
  CHECK(result.stop_detail == "-");
}

TEST_CASE("a full context ends generation; the last token still counts") {
  Run run("hello world");
  const Generation result = run(6);  // two of the prompt, four fed back, a fifth sampled
  CHECK(result.stop_reason == StopReason::context_full);
  CHECK(result.text == "hello");
  CHECK(run.backend.steps.back().positions == std::vector<std::int32_t>{5});
}

TEST_CASE("the caller can cancel") {
  Run run("hello");
  run.cancel_after = 2;
  const Generation result = run();
  CHECK(result.stop_reason == StopReason::cancelled);
  CHECK(result.text == "he");
  CHECK(result.ids.size() == 2);
}

TEST_CASE("characters of several bytes are shown whole, broken ones replaced") {
  Run run("é🚀\xff!\xe2\x82");
  run.options.max_tokens = 10;
  const Generation result = run();
  CHECK(result.text == "é🚀\xEF\xBF\xBD!\xEF\xBF\xBD");
  CHECK(run.shown.front() == "é");
  for (const std::string& piece : run.shown) CHECK_FALSE(piece.empty());
}

TEST_CASE("penalties count the prompt") {
  Run run("Qab");
  run.options.sampling.presence_penalty = 200.0f;  // the script's logits are 100 against 0: nothing seen is said again
  run.options.max_tokens = 1;
  CHECK(run().ids[0] != 'Q');
}

TEST_CASE("prefill and each decode step are timed apart") {
  Run run("abc");
  run.options.max_tokens = 3;
  std::int64_t now = 0;
  const Clock clock = [&now] { return now += 10; };
  const Generation result = run(0, clock);
  CHECK(result.prefill_ns == 10);
  CHECK(result.step_ns == std::vector<std::int64_t>{10, 10});
  CHECK(result.decode_ns == 20);
}

TEST_CASE("the prompt is read in steps of n_batch, logits only for its last token") {
  Run run("x");
  run.options.max_tokens = 1;
  run.options.n_batch = 1;
  run();
  REQUIRE(run.backend.steps.size() == 2);
  CHECK(run.backend.steps[0].wants_logits == std::vector<bool>{false});
  CHECK(run.backend.steps[1].wants_logits == std::vector<bool>{true});
}

}  // namespace bh::engine
