// One answer: the logits' bits are a property of model and tokens. The committed hashes must come out for every thread
// count, instruction set and batch split, and in every build (g++ or clang, debug, release or with sanitizers).
#include <fmt/format.h>

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

std::unique_ptr<Backend> load(const std::shared_ptr<const Model>& model, const std::string& isa, int threads,
                              CacheType cache_type = CacheType::f16) {
  BackendOptions options;
  options.cache_type = cache_type;
  options.kernel = isa;
  options.threads = threads;
  options.oversubscribe = true;
  return find_device("cpu").load(model, options);
}

/// Logits of all tokens, evaluated in steps of the given sizes, the last one as often as needed.
std::string hash_of(Backend& backend, const std::vector<TokenId>& tokens, const std::vector<std::size_t>& splits) {
  Session session(backend, static_cast<std::int32_t>(tokens.size()));
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
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const std::vector<TokenId> tokens = draw_tokens(150, model->config.n_vocab);
  const std::string expected = committed_hash("kjv-3m-i2_s, int8 KV cache");
  REQUIRE(expected != committed_hash("kjv-3m-i2_s"));
  for (const std::string& isa : usable_isas()) {
    const auto backend = load(model, isa, 3, CacheType::int8);
    for (const auto& splits : kSplits) {
      INFO(isa << ", first step " << splits[0]);
      REQUIRE(hash_of(*backend, tokens, splits) == expected);
    }
  }
  const auto backend = load(model, "", 1, CacheType::int8);
  const Session half(*load(model, "", 1), 256), codes(*backend, 256);
  CHECK(codes.kv_bytes() < half.kv_bytes() * 6 / 10);
  CHECK_THROWS_WITH(Session(*backend, 256, Numerics::reference_batch), Catch::Contains("f16"));
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
  for (const std::string& isa : usable_isas()) {
    const bool slow = isa == "scalar";
    for (const int threads : slow ? std::vector<int>{2} : std::vector<int>{1, 2, 3, 7}) {
      const auto backend = load(model, isa, threads);
      for (std::size_t i = 0; i < (slow ? 1 : kSplits.size()); ++i) {
        INFO(isa << ", " << threads << " threads, first step " << kSplits[i][0]);
        REQUIRE(hash_of(*backend, tokens, kSplits[i]) == expected);
      }
    }
  }
}
