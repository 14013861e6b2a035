// Several sequences decoded together on the shipped model: each gets what it gets alone, to the bit.
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/base/error.h"
#include "engine/runtime/generate.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh::engine;

namespace {

struct Asked {
  const char* text;
  float temperature;
  std::int32_t top_k;
  std::int32_t max_tokens;
  std::vector<std::string> stop_texts;
  float repeat_penalty;
};

const std::vector<Asked> kAsked = {{"In the beginning", 0.0f, 40, 60, {}, 1.0f},
                                   {"And the LORD said unto Moses,", 0.8f, 40, 33, {}, 1.0f},
                                   {"x", 1.5f, 5, 60, {}, 1.0f},
                                   {"And it came to pass", 0.0f, 40, 60, {","}, 1.0f},
                                   {"The sons of Adam", 0.7f, 40, 1, {}, 1.0f},
                                   {"Blessed are the", 0.0f, 40, 0, {}, 1.0f},
                                   {"And Jesus answered", 0.9f, 40, -1, {}, 1.0f}};  // until the context is full

GenerateOptions options_of(const Asked& asked, std::uint64_t seed) {
  GenerateOptions options;
  options.max_tokens = asked.max_tokens;
  options.stop_texts = asked.stop_texts;
  options.ignore_eog = true;
  options.sampling.temperature = asked.temperature;
  options.sampling.top_k = asked.top_k;
  options.sampling.repeat_penalty = asked.repeat_penalty;
  options.sampling.seed = seed;
  return options;
}

std::unique_ptr<Backend> load(HeadScreen screen, std::int32_t max_rows = 512) {
  static const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  BackendOptions options;
  options.threads = 2;
  options.head_screen = screen;
  options.max_rows = max_rows;
  return find_device("cpu").load(model, options);
}

std::vector<TokenId> encode(const Backend& backend, const char* text) {
  return backend.model().tokenizer.encode(text, {.add_special = true, .parse_special = false});
}

void check_together(Backend& backend, const std::vector<Asked>& all) {
  constexpr std::int32_t kContext = 96;
  std::vector<std::vector<TokenId>> prompts;
  std::vector<Session> sessions;
  std::vector<Generation> alone;
  std::vector<std::int32_t> ended_at;
  for (std::size_t i = 0; i < all.size(); ++i) {
    prompts.push_back(encode(backend, all[i].text));
    Session session(backend, kContext);
    alone.push_back(generate(session, prompts.back(), options_of(all[i], i)));
    ended_at.push_back(session.n_past());
    sessions.emplace_back(backend, kContext);
  }
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < all.size(); ++i) {
    sequences.push_back({&sessions[i], prompts[i], options_of(all[i], i), {}});
  }
  const auto together = generate_together(sequences);
  REQUIRE(together.size() == alone.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    INFO(all[i].text);
    CHECK(together[i].ids == alone[i].ids);
    CHECK(together[i].text == alone[i].text);
    CHECK(together[i].stop_reason == alone[i].stop_reason);
    CHECK(together[i].step_ns.size() == alone[i].step_ns.size());
    CHECK(sessions[i].n_past() == ended_at[i]);
  }
}

}  // namespace

TEST_CASE("sequences decoded together get what each gets alone") {
  for (const HeadScreen screen : {HeadScreen::never, HeadScreen::always}) {
    const auto backend = load(screen);
    check_together(*backend, kAsked);
    std::vector<Asked> with_all_logits = kAsked;  // one that needs every logit changes nothing for the others
    with_all_logits[2].top_k = 0;
    with_all_logits[3].repeat_penalty = 1.2f;
    check_together(*backend, with_all_logits);
  }
}

TEST_CASE("no more sequences than a step has rows; none at all is no work") {
  const auto backend = load(HeadScreen::never, 2);
  CHECK(generate_together({}).empty());
  const auto prompt = encode(*backend, "x");
  std::vector<Session> sessions;
  for (int i = 0; i < 3; ++i) sessions.emplace_back(*backend, 16);
  std::vector<Sequence> sequences;
  for (Session& session : sessions) sequences.push_back({&session, prompt, options_of(kAsked[0], 1), {}});
  CHECK_THROWS_WITH(generate_together(sequences), Catch::Contains("3 sequences"));
  CHECK(generate_together(std::span(sequences).first(2)).size() == 2);
}
