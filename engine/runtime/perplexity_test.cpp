// Perplexity: the protocol over a backend that follows a script, and the values bitnet.cpp's llama-perplexity recorded.
#include "engine/runtime/perplexity.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "engine/model/float_copy.h"
#include "engine/model/synth.h"
#include "tests/support/catch.h"
#include "tests/support/fake_backend.h"
#include "tests/support/files.h"

namespace bh::engine {
namespace {

std::shared_ptr<const Model> tiny_model() {
  static const auto made = make_synth_model({});
  return made;
}

/// The probability of the right next token is known: the script favours token (last + 1) % 512.
test::FakeBackend counting_backend(std::int32_t max_rows = 512) {
  return {tiny_model(),
          [](std::span<const TokenId> past) {
            std::vector<float> logits(512, 0.0f);
            logits[static_cast<std::size_t>((past.back() + 1) % 512)] = 3.0f;
            return logits;
          },
          max_rows};
}

std::vector<TokenId> counting(std::size_t count) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<TokenId>(i % 512);
  return tokens;
}

std::string reason(std::size_t tokens, const PerplexityOptions& options, Numerics numerics = Numerics::one_answer) {
  auto backend = counting_backend();
  try {
    perplexity(backend, numerics, counting(tokens), options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  return "accepted";
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Recorded {
  double ppl = 0, error = 0;
};

/// "Final estimate: PPL = 20.4682 +/- 0.32097"
Recorded read_record(const std::filesystem::path& path) {
  const std::string text = read(path);
  const std::size_t at = text.find("Final estimate");
  Recorded recorded;
  REQUIRE(at != std::string::npos);
  REQUIRE(std::sscanf(text.c_str() + at, "Final estimate: PPL = %lf +/- %lf", &recorded.ppl, &recorded.error) == 2);
  return recorded;
}

PerplexityResult of_heldout_text(const std::shared_ptr<const Model>& model, Numerics numerics,
                                 std::int32_t max_chunks) {
  std::string text = read(test::shipped_model() / "heldout.txt");
  if (!text.empty() && text.back() == '\n') text.pop_back();
  const auto tokens = model->tokenizer.encode(text, {.add_special = true, .parse_special = false});
  const auto backend = find_device("cpu").load(model, {});
  PerplexityOptions options;
  options.n_ctx = 256;
  options.max_chunks = max_chunks;
  return perplexity(*backend, numerics, tokens, options);
}

}  // namespace

TEST_CASE("the negative log-likelihood is that of the softmax") {
  CHECK(negative_log_likelihood(std::vector<float>{0, 0, 0, 0}, 2) == Approx(std::log(4.0)).epsilon(1e-15));
  CHECK(negative_log_likelihood(std::vector<float>{1000, 999, -1000}, 0) == Approx(std::log1p(std::exp(-1.0))));
  CHECK(negative_log_likelihood(std::vector<float>{1000, 999, -1000}, 1) == Approx(1 + std::log1p(std::exp(-1.0))));
  CHECK(negative_log_likelihood(std::vector<float>{1000, 999, -1000}, 2) == Approx(2000 + std::log1p(std::exp(-1.0))));
  CHECK(std::isnan(negative_log_likelihood(std::vector<float>{0, NAN}, 0)));
  CHECK(std::isnan(negative_log_likelihood(std::vector<float>{0, INFINITY}, 0)));
  CHECK(negative_log_likelihood(std::vector<float>{0, -INFINITY}, 0) == 0.0);
}

TEST_CASE("the second half of each chunk is scored, with BOS in the place of its first token") {
  auto backend = counting_backend();
  const auto tokens = counting(70);  // 4 chunks of 16; 6 tokens are left over
  PerplexityOptions options;
  options.n_ctx = 16;
  const PerplexityResult result = perplexity(backend, Numerics::one_answer, tokens, options);
  CHECK(result.n_tokens == 70);
  CHECK(result.chunk_nll.size() == 4);
  CHECK(result.scored_per_chunk() == 7);
  CHECK(result.n_scored == 28);
  const double nll = std::log(std::exp(3.0) + 511) - 3;  // every scored token is the favoured one
  CHECK(result.ln_ppl == Approx(nll).epsilon(1e-14));
  CHECK(result.ppl == Approx(std::exp(nll)).epsilon(1e-14));
  CHECK(result.ppl_error == Approx(0.0).margin(1e-6));
  for (const double chunk : result.chunk_nll) CHECK(chunk == Approx(7 * nll).epsilon(1e-14));

  REQUIRE(backend.steps.size() == 8);
  const TokenId bos = tiny_model()->tokenizer.vocabulary().bos;
  for (std::size_t chunk = 0; chunk < 4; ++chunk) {
    const auto &first = backend.steps[2 * chunk], &second = backend.steps[2 * chunk + 1];
    const auto start = static_cast<TokenId>(16 * chunk);
    CHECK(first.tokens[0] == bos);
    CHECK(first.tokens[1] == start + 1);
    CHECK(first.positions.front() == 0);
    CHECK(first.wants_logits == std::vector<bool>(8, false));
    CHECK(second.tokens.front() == start + 8);
    CHECK(second.tokens.back() == start + 14);  // what follows the chunk is not predicted
    CHECK(second.positions.back() == 14);
    CHECK(second.wants_logits == std::vector<bool>(7, true));
  }
}

TEST_CASE("the uncertainty is the standard error of the mean") {
  // Tokens 5, 5, ... are never the favoured ones; a favoured one follows where the text counts on.
  auto backend = counting_backend();
  auto tokens = counting(32);
  tokens[12] = tokens[30] = 400;
  PerplexityOptions options;
  options.n_ctx = 16;
  const auto result = perplexity(backend, Numerics::one_answer, tokens, options);
  // Wrong guesses: 12 and 30 themselves, and the tokens after them.
  const double good = std::log(std::exp(3.0) + 511) - 3, bad = good + 3;
  const double mean = (10 * good + 4 * bad) / 14, squares = (10 * good * good + 4 * bad * bad) / 14;
  const double error = std::sqrt((squares - mean * mean) / 13);
  CHECK(result.ln_ppl == Approx(mean).epsilon(1e-12));
  CHECK(result.ln_ppl_error == Approx(error).epsilon(1e-9));
  CHECK(result.ppl_error == Approx(error * std::exp(mean)).epsilon(1e-9));
  CHECK(result.chunk_nll[0] == Approx(5 * good + 2 * bad));
}

TEST_CASE("steps keep to the limits, and none has a single row") {
  PerplexityOptions options;
  for (const std::int32_t n_ctx : {8, 9, 33, 64}) {
    for (const std::int32_t n_batch : {4, 5, 7, 31, 1000}) {
      CAPTURE(n_ctx, n_batch);
      auto backend = counting_backend(32);
      options.n_ctx = n_ctx;
      options.n_batch = n_batch;
      const auto result =
          perplexity(backend, Numerics::reference_batch, counting(2 * static_cast<std::size_t>(n_ctx)), options);
      CHECK(result.n_scored == 2 * (n_ctx - n_ctx / 2 - 1));
      for (const auto& step : backend.steps) {
        CHECK(step.tokens.size() >= 2);
        CHECK(step.tokens.size() <= static_cast<std::size_t>(std::min(n_batch, 32)));
      }
    }
  }
  auto backend = counting_backend();
  options.n_ctx = 8;
  options.n_batch = 1;
  CHECK(perplexity(backend, Numerics::reference_single, counting(16), options).n_scored == 6);
}

TEST_CASE("the run can be limited to some chunks, or ended after one") {
  auto backend = counting_backend();
  PerplexityOptions options;
  options.n_ctx = 16;
  options.max_chunks = 3;
  CHECK(perplexity(backend, Numerics::one_answer, counting(100), options).chunk_nll.size() == 3);
  options.max_chunks = 100;
  std::vector<std::int64_t> seen;
  const auto result = perplexity(backend, Numerics::one_answer, counting(100), options,
                                 [&](const PerplexityResult& so_far, std::int64_t chunks) {
                                   CHECK(chunks == 6);
                                   seen.push_back(static_cast<std::int64_t>(so_far.chunk_nll.size()));
                                   return seen.size() < 2;
                                 });
  CHECK(seen == std::vector<std::int64_t>{1, 2});
  CHECK(result.chunk_nll.size() == 2);
}

TEST_CASE("what cannot be evaluated is refused with numbers") {
  PerplexityOptions options;
  CHECK_THAT(reason(1023, options), Catch::Contains("has 1023 tokens") && Catch::Contains("needs 1024 or more"));
  CHECK(reason(1024, options) == "accepted");
  options.n_ctx = 7;
  CHECK_THAT(reason(1024, options), Catch::Contains("too short"));
  options.n_ctx = 16;
  options.max_chunks = 0;
  CHECK_THAT(reason(1024, options), Catch::Contains("0 chunks"));
  options.max_chunks = -1;
  options.n_batch = 3;
  CHECK(reason(1024, options) == "accepted");
  CHECK_THAT(reason(1024, options, Numerics::reference_batch), Catch::Contains("4 or more"));
  options.n_batch = -1;
  CHECK_THAT(reason(1024, options), Catch::Contains("too short"));

  auto backend = counting_backend();
  CHECK_THROWS_AS(perplexity(backend, Numerics::one_answer, std::vector<TokenId>(1024, 512)), Error);
}

TEST_CASE("logits that are not finite are an error of the model") {
  test::FakeBackend backend(tiny_model(), [](std::span<const TokenId> past) {
    return std::vector<float>(512, past.size() == 13 ? NAN : 0.0f);
  });
  PerplexityOptions options;
  options.n_ctx = 16;
  try {
    perplexity(backend, Numerics::one_answer, counting(32), options);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    CHECK_THAT(error.what(), Catch::Contains("position 12 of chunk 0"));
  }
}

TEST_CASE("a perplexity that no double holds is an error of the model") {
  const auto perplexity_of = [](float wrong) {
    test::FakeBackend backend(tiny_model(), [wrong](std::span<const TokenId> past) {
      std::vector<float> logits(512, 0.0f);
      logits[static_cast<std::size_t>((past.back() + 2) % 512)] = wrong;  // the token after the next
      return logits;
    });
    PerplexityOptions options;
    options.n_ctx = 16;
    return perplexity(backend, Numerics::one_answer, counting(32), options);
  };
  const auto barely = perplexity_of(699.5f);
  CHECK(barely.ln_ppl == 699.5);
  CHECK(barely.ppl == Approx(std::exp(699.5)));
  try {
    perplexity_of(7000.0f);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    CHECK_THAT(error.what(), Catch::Contains("predicts nothing") && Catch::Contains("is 7000.0"));
  }
}

TEST_CASE("perplexity does not depend on the split, to the bit") {
  const auto backend = find_device("cpu").load(tiny_model(), {});
  PerplexityOptions options;
  options.n_ctx = 32;
  const auto tokens = counting(64);
  const auto result = perplexity(*backend, Numerics::one_answer, tokens, options);
  for (const std::int32_t n_batch : {1, 3, 10}) {
    options.n_batch = n_batch;
    CHECK(perplexity(*backend, Numerics::one_answer, tokens, options).chunk_nll == result.chunk_nll);
  }
}

TEST_CASE("the first chunks of the shipped model's held-out text have the recorded perplexity") {
  // llama-perplexity of bitnet.cpp, context 256, printed after chunks 1 to 3 (running estimates).
  const auto model = load_model(test::shipped_model() / "kjv-3m-i2_s.gguf");
  const auto result = of_heldout_text(model, Numerics::reference_batch, 3);
  CHECK(result.n_scored == 3 * 127);
  double sum = 0;
  const double recorded[] = {32.2261, 29.5802, 27.0276};
  for (int chunk = 0; chunk < 3; ++chunk) {
    sum += result.chunk_nll[static_cast<std::size_t>(chunk)];
    CHECK(sum / (127.0 * (chunk + 1)) == Approx(std::log(recorded[chunk])).margin(1e-4));
  }
}

TEST_CASE("the shipped model has one perplexity, whatever it is loaded from", "[slow]") {
  const auto gguf = of_heldout_text(load_model(test::shipped_model() / "kjv-3m-i2_s.gguf"), Numerics::one_answer, 8);
  for (const char* folder : {"packed", "bf16"}) {
    CAPTURE(folder);
    const auto other = of_heldout_text(load_model(test::shipped_model() / folder), Numerics::one_answer, 8);
    CHECK(other.ln_ppl == Approx(gguf.ln_ppl).margin(1e-4));
  }
}

TEST_CASE("the whole held-out text has the recorded perplexity, from every format", "[slow]") {
  const auto recorded = read_record(test::shipped_model() / "reference" / "kjv-3m-i2_s.perplexity.txt");
  for (const char* name : {"kjv-3m-i2_s.gguf", "packed", "bf16"}) {
    CAPTURE(name);
    const auto result = of_heldout_text(load_model(test::shipped_model() / name), Numerics::reference_batch, -1);
    CHECK(result.chunk_nll.size() == 218);
    CHECK(result.ln_ppl == Approx(std::log(recorded.ppl)).margin(1e-4));
    CHECK(result.ppl_error == Approx(recorded.error).margin(1e-4));
  }
}

TEST_CASE("weights stored as f16 have the perplexity recorded for them", "[shared][slow]") {
  const auto path = test::shared_file("models/kjv-3m/kjv-3m-f16.gguf");
  if (!path) return;
  const auto recorded = read_record(test::shipped_model() / "reference" / "kjv-3m-f16.perplexity.txt");
  const auto result = of_heldout_text(load_model(*path), Numerics::reference_batch, -1);
  CHECK(result.ln_ppl == Approx(std::log(recorded.ppl)).margin(1e-4));
}

}  // namespace bh::engine
