#include "suites/acceptance/decode_speed.h"

#include <algorithm>
#include <cmath>

#include "engine/runtime/sampler.h"

namespace bh::suites::acceptance {

using engine::Backend;
using engine::Session;
using engine::TokenId;

DecodeSample decode_sample(Session& session, TokenId token, std::int64_t min_ns, const harness::Clock& clock) {
  const std::int32_t n_past = session.n_past();
  std::int64_t steps = 0, elapsed = 0;
  const std::int64_t start = clock.steady_ns();
  do {
    if (session.n_past() == session.n_ctx()) session.rewind(n_past);
    token = engine::argmax(session.eval({&token, 1}));
    ++steps;
    elapsed = clock.steady_ns() - start;
  } while (elapsed < min_ns || elapsed <= 0);
  session.rewind(n_past);
  const auto ns = static_cast<double>(elapsed);
  return {static_cast<double>(steps) * 1e9 / ns, ns * 1e-6 / static_cast<double>(steps)};
}

bool batch_equals_single(Backend& backend, std::span<const TokenId> tokens) {
  const auto n_ctx = static_cast<std::int32_t>(tokens.size());
  Session batch(backend, n_ctx);
  const auto logits = batch.eval(tokens);
  const std::vector<float> expected(logits.begin(), logits.end());
  Session single(backend, n_ctx);
  const auto stepped = single.eval(tokens, 1);
  const bool finite = std::all_of(expected.begin(), expected.end(), [](float value) { return std::isfinite(value); });
  return finite && std::equal(expected.begin(), expected.end(), stepped.begin(), stepped.end());
}

}  // namespace bh::suites::acceptance
