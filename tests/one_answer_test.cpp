// One answer: the logits' bits are a property of model and tokens. The committed hashes must come out for every thread
// count, instruction set and batch split, and in every build (g++ or clang, debug, release or with sanitizers).
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "engine/backend.h"
#include "engine/base/json.h"
#include "engine/cpu/kernel_table.h"
#include "engine/model/synth.h"
#include "engine/runtime/session.h"
#include "harness/io/sha256.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"

using namespace bh::engine;

namespace {

std::vector<std::string> usable_isas() {
  std::vector<std::string> isas;
  for (const KernelInfo& kernel : cpu_kernels()) {
    if (kernel.op == to_string(Op::ternary_matmul) && kernel.why_unusable.empty()) isas.push_back(kernel.isa);
  }
  return isas;
}

/// Ids drawn by the standard's own generator, whose sequence is the same everywhere.
std::vector<TokenId> draw_tokens(std::size_t count, std::int32_t n_vocab) {
  std::mt19937 random(20260101);
  std::vector<TokenId> tokens(count);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random() % static_cast<unsigned>(n_vocab));
  return tokens;
}

std::string committed_hash(const std::string& name) {
  const auto path = std::filesystem::path(bh::test::kSourceDir) / "tests" / "golden" / "one_answer.json";
  return bh::get_string(bh::read_json_file(path.string()).as_object(), name, path.string());
}

std::unique_ptr<Backend> load(const std::shared_ptr<const Model>& model, const std::string& isa, int threads) {
  BackendOptions options;
  options.kernel = isa;
  options.threads = threads;
  options.oversubscribe = true;
  return find_device("cpu").load(model, options);
}

/// Logits of all tokens, evaluated in steps of the given sizes, the last one as often as needed.
std::string hash_of(Backend& backend, const std::vector<TokenId>& tokens, const std::vector<std::size_t>& splits,
                    Numerics numerics = Numerics::one_answer) {
  Session session(backend, static_cast<std::int32_t>(tokens.size()), numerics);
  std::vector<float> logits;
  std::size_t done = 0;
  for (std::size_t i = 0; done < tokens.size(); ++i) {
    const std::size_t size = std::min(splits[std::min(i, splits.size() - 1)], tokens.size() - done);
    const auto rows = session.eval_all(std::span(tokens).subspan(done, size));
    logits.insert(logits.end(), rows.begin(), rows.end());
    done += size;
  }
  return bh::harness::sha256_floats(logits);
}

const std::vector<std::vector<std::size_t>> kSplits = {{1000}, {7, 64, 1, 33, 5, 90}, {1}};

}  // namespace

TEST_CASE("the shipped model's logits have the committed bits for any threads, kernels and splits") {
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const std::vector<TokenId> tokens = draw_tokens(150, model->config.n_vocab);
  const std::string expected = committed_hash("kjv-3m-i2_s");
  for (const std::string& isa : usable_isas()) {
    for (const int threads : {1, 2, 3, 7}) {
      const auto backend = load(model, isa, threads);
      for (const auto& splits : kSplits) {
        INFO(isa << ", " << threads << " threads, first step " << splits[0]);
        REQUIRE(hash_of(*backend, tokens, splits) == expected);
      }
    }
  }
}

TEST_CASE("with an int8 KV cache they have committed bits, too, which are others") {
  constexpr Numerics kInt8 = Numerics::one_answer_kv_int8;
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const std::vector<TokenId> tokens = draw_tokens(150, model->config.n_vocab);
  const std::string expected = committed_hash("kjv-3m-i2_s, int8 KV cache");
  REQUIRE(expected != committed_hash("kjv-3m-i2_s"));
  for (const std::string& isa : usable_isas()) {
    const auto backend = load(model, isa, 3);
    for (const auto& splits : kSplits) {
      INFO(isa << ", first step " << splits[0]);
      REQUIRE(hash_of(*backend, tokens, splits, kInt8) == expected);
    }
    const Session half(*backend, 256), codes(*backend, 256, kInt8);
    CHECK(codes.kv_bytes() < half.kv_bytes() * 6 / 10);
    CHECK(codes.kv_bytes_per_position() < half.kv_bytes_per_position() * 6 / 10);
  }
}

TEST_CASE("what is not a number shows in every later output of an int8 KV cache, until it is rewound") {
  const auto shipped = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const auto backend = load(shipped, "", 1);
  Session session(*backend, 300, Numerics::one_answer_kv_int8), clean(*backend, 300, Numerics::one_answer_kv_int8);
  const std::vector<TokenId> tokens = draw_tokens(270, shipped->config.n_vocab);
  const auto nan_at_layer = [](std::string_view name, int layer, std::span<float> values, std::int64_t) {
    if (name == "k" && layer == 1) values.back() = std::numeric_limits<float>::quiet_NaN();
  };
  session.eval(std::span(tokens).first(20));
  backend->set_patch(nan_at_layer);
  session.eval(std::span(tokens).subspan(20, 1));
  backend->set_patch({});
  for (const float logit : session.eval(std::span(tokens).subspan(21, 1))) REQUIRE(std::isnan(logit));
  session.rewind(20);
  const auto after = session.eval(std::span(tokens).subspan(20));
  const std::vector<float> kept(after.begin(), after.end());
  const auto expected = clean.eval(tokens);
  CHECK(std::equal(kept.begin(), kept.end(), expected.begin(), expected.end()));
}

TEST_CASE("a step of more rows than share a cache gives each the bits that it has alone") {
  SynthOptions options;
  options.preset = "tiny";
  options.n_layer = 1;
  options.n_ff = 17000;  // codes of 60 rows fill the megabyte that stays in a cache; no multiple of 64
  const auto model = make_synth_model(options);
  const std::vector<TokenId> tokens = draw_tokens(300, model->config.n_vocab);
  const std::string expected = hash_of(*load(model, "", 2), tokens, {1});
  for (const std::string& isa : usable_isas()) {
    if (isa == "scalar") continue;
    const auto backend = load(model, isa, 2);
    INFO(isa);
    CHECK(hash_of(*backend, tokens, {300}) == expected);
    CHECK(hash_of(*backend, tokens, {129, 40, 128}) == expected);
  }
}

TEST_CASE("a model with 2B-4T head shapes has the committed bits beyond one attention block") {
  SynthOptions options;
  options.preset = "2b4t-heads";
  options.seed = 7;
  options.n_layer = 1;  // enough for every kernel and both attention blocks, and bearable for scalar code
  options.n_ff = 256;
  const auto model = make_synth_model(options);
  const std::vector<TokenId> tokens = draw_tokens(270, model->config.n_vocab);  // blocks hold 256 positions
  const std::string expected = committed_hash("heads-2b4t");
  const std::string expected_int8 = committed_hash("heads-2b4t, int8 KV cache");
  for (const std::string& isa : usable_isas()) {
    const bool slow = isa == "scalar";
    for (const int threads : slow ? std::vector<int>{2} : std::vector<int>{1, 2, 3, 7}) {
      const auto backend = load(model, isa, threads);
      for (std::size_t i = 0; i < (slow ? 1 : kSplits.size()); ++i) {
        INFO(isa << ", " << threads << " threads, first step " << kSplits[i][0]);
        REQUIRE(hash_of(*backend, tokens, kSplits[i]) == expected);
      }
      if (threads == 2) REQUIRE(hash_of(*backend, tokens, kSplits[0], Numerics::one_answer_kv_int8) == expected_int8);
    }
  }
}
