// Speculation over a backend that follows a script: what is guessed, when guessing stops, and that whatever the guesses
// are, generation ends with the tokens, the text and the position of plain decoding.
#include "engine/runtime/speculation.h"

#include <array>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include "engine/model/synth.h"
#include "engine/runtime/generate.h"
#include "tests/support/catch.h"
#include "tests/support/fake_backend.h"

namespace bh::engine {
namespace {

using Tokens = std::vector<TokenId>;

Tokens lookup(const Tokens& past, std::int32_t count) { return NgramDrafter().draft(past, count); }

/// A machine on which a step takes 100, and more with guesses: `extra` for each, or `stairs` for so many. Guesses hold
/// with probability `rate`. One step in eight seems `noise` percent longer, and the first with guesses `first` times as
/// long; `time` leaves that out.
struct Machine {
  DraftLength length;
  std::int64_t extra;
  double rate;
  std::function<std::int64_t(std::int32_t)> stairs = {};
  std::int64_t noise = 0, first = 1;
  std::mt19937 random{3};
  std::int64_t tokens = 0, time = 0, guesses = 0;

  void run(std::int64_t wanted) {
    for (const std::int64_t end = tokens + wanted; tokens < end;) {
      const std::int32_t drafted = length.next();
      std::int64_t step = 100 + (stairs ? stairs(drafted) : extra * drafted);
      time += step;
      if (noise > 0 && random() % 8 == 0) step += step * noise / 100;
      if (drafted > 0) step *= std::exchange(first, 1);
      std::int32_t held = 0;
      while (held < drafted && static_cast<double>(random()) * 0x1p-32 < rate) ++held;
      if (drafted == 0) {
        length.plain_step(step);
      } else {
        length.verified(drafted, held, step);
      }
      tokens += held + 1;
      guesses += drafted;
    }
  }
  double tokens_per_step_time() const { return 100.0 * static_cast<double>(tokens) / static_cast<double>(time); }
};

constexpr TokenId kPrompt[] = {'Q', ':'};

std::shared_ptr<const Model> model() {
  static const auto made = make_synth_model({});
  return made;
}

/// A backend that likes byte (7 * last + position) % 26 of the alphabet most, the two after it somewhat less.
test::FakeBackend backend(std::int32_t max_rows = 512) {
  return {model(),
          [](std::span<const TokenId> past) {
            std::vector<float> logits(static_cast<std::size_t>(model()->config.n_vocab), 0.0f);
            const auto next = static_cast<std::size_t>(7 * past.back()) + past.size();
            for (std::size_t i = 0; i < 3; ++i) logits['a' + (next + i) % 26] = 20.0f - static_cast<float>(i);
            return logits;
          },
          max_rows};
}

struct Outcome {
  Generation generation;
  std::int32_t n_past = 0;
  std::size_t steps = 0;
};

/// On a clock by which every step takes as long as any other: guessing always pays while some of it holds.
Outcome run(const GenerateOptions& options, std::int32_t n_ctx, std::int32_t max_rows = 512,
            std::size_t cancel_after = 0) {
  test::FakeBackend made = backend(max_rows);
  Session session(made, n_ctx);
  std::int64_t now = 0;
  std::size_t shown = 0;
  Outcome outcome;
  outcome.generation = generate(
      session, kPrompt, options, [&](std::string_view) { return ++shown != cancel_after; },
      [&now] { return now += 10; });
  outcome.n_past = session.n_past();
  outcome.steps = made.steps.size();
  return outcome;
}

void check_same(const Outcome& speculated, const Outcome& plain) {
  CHECK(speculated.generation.ids == plain.generation.ids);
  CHECK(speculated.generation.text == plain.generation.text);
  CHECK(speculated.generation.stop_reason == plain.generation.stop_reason);
  CHECK(speculated.generation.stop_detail == plain.generation.stop_detail);
  CHECK(speculated.generation.decode_tokens() == plain.generation.decode_tokens());
  CHECK(speculated.n_past == plain.n_past);
}

}  // namespace

TEST_CASE("prompt lookup guesses what followed the longest n-gram, the latest of several") {
  CHECK(lookup({1, 2, 3, 4, 5, 9, 1, 2, 3}, 2) == Tokens{4, 5});
  CHECK(lookup({1, 2, 3, 4, 9, 1, 2, 3, 5, 9, 1, 2, 3}, 1) == Tokens{5});  // {9, 1, 2, 3}, not {1, 2, 3}
  CHECK(lookup({1, 2, 3, 4, 8, 1, 2, 3, 5, 9, 1, 2, 3}, 1) == Tokens{5});
  CHECK(lookup({7, 1, 2, 3, 4, 8, 1, 2, 3, 5, 7, 1, 2, 3}, 1) == Tokens{4});
}

TEST_CASE("prompt lookup guesses nothing where too little repeats") {
  CHECK(lookup({}, 4).empty());
  CHECK(lookup({1}, 4).empty());
  CHECK(lookup({1, 2, 3, 4}, 4).empty());
  CHECK(lookup({2, 3, 4, 9, 2, 3}, 4).empty());
  CHECK(lookup({1, 2, 3, 4, 9, 1, 2, 3}, 0).empty());
}

TEST_CASE("a short period goes on in the guess") {
  CHECK(lookup({5, 6, 5, 6, 5}, 5) == Tokens{6, 5, 6, 5, 6});
  CHECK(lookup({4, 4, 4, 4}, 3) == Tokens{4, 4, 4});
}

TEST_CASE("nothing is guessed before plain steps have been timed") {
  DraftLength length;
  CHECK(length.next() == 0);
  length.plain_step(1000);
  CHECK(length.next() == 0);
  length.plain_step(100);
  CHECK(length.next() > 0);
}

TEST_CASE("guesses that hold become many, guesses that cost as much as a step are not made") {
  Machine good{{}, 5, 1.0};
  good.run(1000);
  CHECK(good.length.next() == DraftLength::kMost);
  CHECK(good.tokens_per_step_time() > 4.5);
  Machine dear{{}, 120, 0.95};
  dear.run(1000);
  CHECK(dear.length.next() == 0);
  CHECK(dear.tokens_per_step_time() > 0.98);
}

TEST_CASE("at 60 % the gain comes near what the best length could give") {
  for (const std::int64_t extra : {2, 5, 10, 20}) {
    double best = 1.0;
    for (std::int32_t k = 1; k <= DraftLength::kMost; ++k) {
      const double expected = (1 - std::pow(0.6, k + 1)) / 0.4;
      best = std::max(best, expected / (1.0 + 0.01 * static_cast<double>(extra) * k));
    }
    Machine machine{{}, extra, 0.6};
    machine.run(5000);
    CAPTURE(extra, best);
    CHECK(machine.tokens_per_step_time() > 0.94 * best);
  }
}

TEST_CASE("where costs rise in stairs, the best stair is found, on a noisy machine, too") {
  // Of 2, 4, 8 and 16 rows: hundredths of a plain step added, as measured with AMX, AVX-512 and AVX2.
  for (const std::array<int, 4> stairs : {std::array{24, 67, 90, 125}, {10, 40, 150, 350}, {20, 120, 340, 770}}) {
    const auto extra = [&](std::int32_t guesses) {
      return guesses == 0 ? 0 : guesses < 2 ? stairs[0] : guesses < 4 ? stairs[1] : guesses < 8 ? stairs[2] : stairs[3];
    };
    for (const double rate : {0.6, 0.9}) {
      for (const auto& [noise, first] : {std::pair{0, 1}, {30, 1}, {0, 2}}) {
        double best = 1.0;
        for (std::int32_t k = 1; k <= DraftLength::kMost; ++k) {
          const double expected = (1 - std::pow(rate, k + 1)) / (1 - rate);
          best = std::max(best, expected / (1.0 + 0.01 * extra(k)));
        }
        Machine machine{{}, 0, rate, extra, noise, first};
        machine.run(10000);
        CAPTURE(stairs, rate, noise, first, best);
        CHECK(machine.tokens_per_step_time() > 0.9 * best);
      }
    }
  }
}

TEST_CASE("guesses that never hold cost less than a fiftieth") {
  for (const std::int64_t extra : {0, 2, 5, 10, 20, 50}) {
    for (const std::int64_t tokens : {128, 1000}) {
      Machine machine{{}, extra, 0.0};
      machine.run(tokens);
      CAPTURE(extra, tokens, machine.guesses);
      CHECK(machine.guesses > 0);
      CHECK(machine.tokens_per_step_time() > 0.98);
    }
  }
}

TEST_CASE("guessing is tried again after it did not pay") {
  Machine machine{{}, 10, 0.0};
  machine.run(1000);
  machine.rate = 1.0;
  const std::int64_t before = machine.time;
  machine.run(2000);
  CHECK(machine.time - before < 2000 * 100 * 7 / 10);
}

TEST_CASE("where nothing pays once a single look is forgotten, guessing is tried again, too") {
  DraftLength length;
  const auto plain = [&] { length.plain_step(100); };
  plain();
  plain();
  length.verified(2, 0, 106);
  length.verified(3, 0, 141);
  plain();
  length.verified(1, 0, 103);
  length.verified(2, 0, 106);
  length.verified(1, 0, 103);
  length.verified(1, 0, 133);
  plain();
  int waited = 0;
  for (; length.next() == 0 && waited < 1000; ++waited) plain();
  CHECK(waited < 100);
}

TEST_CASE("a machine that was busy at first does not mislead for long") {
  Machine machine{{}, 60, 0.1};
  machine.length.plain_step(1000);
  machine.length.plain_step(1000);  // ten times too long: any number of guesses would seem to pay
  machine.run(400);
  CHECK(machine.length.next() == 0);
}

TEST_CASE("whatever is guessed, the tokens are those of plain decoding") {
  for (const float temperature : {0.0f, 0.8f, 2.0f}) {
    for (const std::int32_t top_k : {0, 2, 40}) {
      GenerateOptions options;
      options.sampling.temperature = temperature;
      options.sampling.top_k = top_k;
      options.sampling.repeat_penalty = top_k == 2 ? 1.3f : 1.0f;
      options.sampling.seed = 11;
      options.max_tokens = 90;
      const Outcome plain = run(options, 200);
      REQUIRE(plain.generation.ids.size() == 90);
      for (const double rate : {0.0, 0.3, 0.6, 0.95, 1.0}) {
        ScriptedDrafter drafter(plain.generation.ids, std::size(kPrompt), rate, model()->config.n_vocab, 7);
        options.drafter = &drafter;
        CAPTURE(temperature, top_k, rate);
        const Outcome speculated = run(options, 200);
        check_same(speculated, plain);
        CHECK(speculated.generation.drafted > 0);
        CHECK(speculated.generation.accepted <= speculated.generation.drafted);
        CHECK(speculated.generation.accepted ==
              plain.generation.decode_tokens() - static_cast<std::int64_t>(speculated.generation.step_ns.size()));
        if (rate == 0.0) CHECK(speculated.generation.accepted == 0);
        if (rate == 1.0) CHECK(speculated.steps < 25);
      }
      options.drafter = nullptr;
    }
  }
}

TEST_CASE("speculation ends where plain decoding does: tokens, context, batch, step, stop text, caller") {
  GenerateOptions options;
  options.sampling.temperature = 0.0f;
  options.max_tokens = 80;
  const Tokens text = run(options, 200).generation.ids;
  ScriptedDrafter drafter(text, std::size(kPrompt), 0.9, model()->config.n_vocab, 7);
  const auto check = [&](std::int32_t n_ctx, std::int32_t max_rows, std::size_t cancel_after) {
    options.drafter = nullptr;
    const Outcome plain = run(options, n_ctx, max_rows, cancel_after);
    options.drafter = &drafter;
    Outcome speculated = run(options, n_ctx, max_rows, cancel_after);
    CAPTURE(options.max_tokens, n_ctx, max_rows, cancel_after, options.n_batch);
    check_same(speculated, plain);
    return speculated;
  };
  for (std::int32_t end = 1; end <= 40; ++end) {
    options.max_tokens = end;
    check(200, 512, 0);
    options.max_tokens = -1;
    CHECK(check(end + 3, 512, 0).generation.stop_reason == StopReason::context_full);
    options.max_tokens = 80;
    CHECK(check(200, 512, static_cast<std::size_t>(end)).generation.stop_reason == StopReason::cancelled);
  }
  for (const std::int32_t rows : {2, 3, 5}) {
    check(200, rows, 0);
    options.n_batch = rows;
    check(200, 512, 0);
    options.n_batch = 0;
  }
  for (std::size_t at = 3; at < 40; ++at) {
    std::string stop;
    for (std::size_t i = at; i < at + 3; ++i) stop += static_cast<char>(text[i]);
    options.stop_texts = {stop};
    CHECK(check(200, 512, 0).generation.stop_reason == StopReason::stop_text);
  }
}

TEST_CASE("where rows of a step round differently, nothing is guessed") {
  GenerateOptions options;
  options.max_tokens = 30;
  ScriptedDrafter drafter({}, std::size(kPrompt), 1.0, model()->config.n_vocab, 7);
  options.drafter = &drafter;
  test::FakeBackend made = backend();
  Session session(made, 64, Numerics::reference_batch);
  CHECK(generate(session, kPrompt, options).drafted == 0);
}

}  // namespace bh::engine
