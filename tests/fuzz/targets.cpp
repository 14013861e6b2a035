#include "tests/fuzz/targets.h"

#include "tests/fuzz/readers.h"
#include "tests/fuzz/seeds.h"

namespace bh::fuzz {
namespace {

constexpr Target kTargets[] = {
    {"gguf", run_gguf, gguf_seeds, gguf_words},
    {"safetensors", run_safetensors, safetensors_seeds, safetensors_words},
    {"json", run_json, json_seeds, json_words},
    {"tokenizer", run_tokenizer, tokenizer_seeds, tokenizer_words},
    {"tokenizer_json", run_tokenizer_json, tokenizer_json_seeds, tokenizer_json_words},
    {"tiktoken", run_tiktoken, tiktoken_seeds, tiktoken_words},
    {"gguf_model", run_gguf_model, gguf_model_seeds, gguf_model_words},
    {"hf_model", run_hf_model, hf_model_seeds, hf_model_words},
};

}  // namespace

std::span<const Target> targets() noexcept { return kTargets; }

const Target* find_target(std::string_view name) noexcept {
  for (const Target& target : kTargets)
    if (target.name == name) return &target;
  return nullptr;
}

}  // namespace bh::fuzz
