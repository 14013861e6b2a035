#include "harness/judge/teacher_forced.h"

#include "engine/base/error.h"
#include "engine/runtime/generate.h"

namespace bh::harness {

using engine::Numerics;
using engine::Session;
using engine::TokenId;

std::vector<float> teacher_forced(engine::Backend& backend, std::span<const TokenId> ids, std::size_t together,
                                  Numerics numerics) {
  BH_ASSERT(together > 0 && together <= ids.size());
  Session session(backend, static_cast<std::int32_t>(ids.size()), numerics);
  std::vector<float> all = session.eval_all(ids.first(together));
  for (const TokenId id : ids.subspan(together)) {
    const auto logits = session.eval({&id, 1});
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

std::vector<TokenId> greedy(engine::Backend& backend, std::span<const TokenId> prompt, std::int32_t tokens,
                            Numerics numerics) {
  Session session(backend, static_cast<std::int32_t>(prompt.size()) + tokens, numerics);
  engine::GenerateOptions options;
  options.max_tokens = tokens;
  options.ignore_eog = true;
  options.sampling.temperature = 0;
  return engine::generate(session, prompt, options).ids;
}

}  // namespace bh::harness
