// Speculation on the shipped model: the ids are those of plain decoding for real text, guesses right and wrong, greedy
// and sampled, through the full and the screened head.
#include "engine/runtime/speculation.h"

#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/model/synth.h"
#include "engine/runtime/generate.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh::engine;

namespace {

struct Loaded {
  std::shared_ptr<const Model> model;
  std::unique_ptr<Backend> backend;

  Loaded(std::shared_ptr<const Model> of, HeadScreen screen) : model(std::move(of)) {
    BackendOptions options;
    options.threads = 2;
    options.head_screen = screen;
    backend = find_device("cpu").load(model, options);
  }
};

/// On a clock by which every step takes as long as any other, so that what is guessed does not depend on this machine.
Generation generate_from(const Loaded& loaded, const std::vector<TokenId>& prompt, const GenerateOptions& options,
                         std::int32_t n_ctx) {
  Session session(*loaded.backend, n_ctx);
  std::int64_t now = 0;
  return generate(session, prompt, options, {}, [&now] { return now += 10; });
}

}  // namespace

TEST_CASE("speculation gives the ids of plain decoding on the shipped model") {
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const char* const prompts[] = {
      "In the beginning God created the heaven and the earth. In the beginning",
      "And the LORD said unto Moses, Speak unto the children of Israel, and the LORD said unto",
      "And Adam begat Seth; and Seth begat Enos; and Enos begat Cainan; and Cainan begat Mahalaleel; and", "x",
      "The sons of"};
  std::int64_t accepted = 0, drafted = 0;
  for (const HeadScreen screen : {HeadScreen::never, HeadScreen::always}) {
    const Loaded loaded(model, screen);
    for (const char* const text : prompts) {
      const auto prompt = model->tokenizer.encode(text, {.add_special = true, .parse_special = false});
      for (const float temperature : {0.0f, 0.8f}) {
        GenerateOptions options;
        options.sampling.temperature = temperature;
        options.sampling.seed = 5;
        options.max_tokens = 100;
        options.ignore_eog = true;
        const Generation plain = generate_from(loaded, prompt, options, 160);
        NgramDrafter lookup;
        ScriptedDrafter mixed(plain.ids, prompt.size(), 0.6, model->config.n_vocab, 7);
        ScriptedDrafter wrong(plain.ids, prompt.size(), 0.0, model->config.n_vocab, 7);
        for (Drafter* const drafter : std::initializer_list<Drafter*>{&lookup, &mixed, &wrong}) {
          options.drafter = drafter;
          const Generation speculated = generate_from(loaded, prompt, options, 160);
          INFO(text << ", temperature " << temperature);
          REQUIRE(speculated.ids == plain.ids);
          REQUIRE(speculated.text == plain.text);
          REQUIRE(speculated.stop_reason == plain.stop_reason);
          if (drafter == &lookup) accepted += speculated.accepted;
          if (drafter == &lookup) drafted += speculated.drafted;
        }
      }
    }
  }
  CHECK(drafted > 100);
  CHECK(accepted > 50);
}

TEST_CASE("guesses that were wrong leave no trace in the context") {
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const Loaded loaded(model, HeadScreen::never);
  const auto prompt = model->tokenizer.encode("And God said,", {.add_special = true, .parse_special = false});
  GenerateOptions options;
  options.sampling.temperature = 0.0f;
  options.max_tokens = 40;
  Session plain(*loaded.backend, 128), speculated(*loaded.backend, 128);
  const auto ids = generate(plain, prompt, options).ids;
  ScriptedDrafter wrong(ids, prompt.size(), 0.2, model->config.n_vocab, 7);
  options.drafter = &wrong;
  std::int64_t now = 0;
  generate(speculated, prompt, options, {}, [&now] { return now += 10; });
  REQUIRE(plain.n_past() == speculated.n_past());
  const std::vector<TokenId> next = {ids.back(), 17, 4};
  CHECK(plain.eval_all(next) == speculated.eval_all(next));
}
