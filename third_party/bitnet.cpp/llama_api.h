// The two generations of llama.h behind one set of names: what was renamed or moved between bitnet.cpp's fork (2024)
// and later llama.cpp builds. Each function takes the newest spelling that the included header declares.
#pragma once

#include <llama.h>

#include <cstdint>

namespace bh::adapter {

template <class Params>
llama_model* load_model(const char* path, Params params) {
  if constexpr (requires { llama_model_load_from_file(path, params); }) {
    return llama_model_load_from_file(path, params);
  } else {
    return llama_load_model_from_file(path, params);
  }
}

template <class Model>
void free_model(Model* model) {
  if constexpr (requires { llama_model_free(model); }) {
    llama_model_free(model);
  } else {
    llama_free_model(model);
  }
}

template <class Model, class Params>
llama_context* make_context(Model* model, Params params) {
  // A fused attention rounds elsewhere than what is compared with here.
  if constexpr (requires { params.flash_attn_type; }) {
    params.flash_attn_type = static_cast<decltype(params.flash_attn_type)>(0);
  } else if constexpr (requires { params.flash_attn; }) {
    params.flash_attn = false;
  }
  if constexpr (requires { llama_init_from_model(model, params); }) {
    return llama_init_from_model(model, params);
  } else {
    return llama_new_context_with_model(model, params);
  }
}

template <class Model>
std::int32_t trained_context(const Model* model) {
  if constexpr (requires { llama_model_n_ctx_train(model); }) {
    return llama_model_n_ctx_train(model);
  } else {
    return llama_n_ctx_train(model);
  }
}

template <class Vocabulary>
constexpr bool kTokenizes = requires(const Vocabulary* vocabulary, const char* text, llama_token* ids) {
  llama_tokenize(vocabulary, text, 0, ids, 0, true, true);
};

/// What tokenizer calls take: the vocabulary where the header knows one for them, else the model.
template <class Model>
const auto* vocabulary_of(const Model* model) {
  if constexpr (kTokenizes<Model>) {
    return model;
  } else {
    return llama_model_get_vocab(model);
  }
}

template <class Vocabulary>
std::int32_t vocabulary_size(const Vocabulary* vocabulary) {
  if constexpr (requires { llama_vocab_n_tokens(vocabulary); }) {
    return llama_vocab_n_tokens(vocabulary);
  } else {
    return llama_n_vocab(vocabulary);
  }
}

/// Forgets every position from `first` on.
template <class Context>
void forget_from(Context* context, std::int32_t first) {
  if constexpr (requires { llama_memory_seq_rm(llama_get_memory(context), 0, first, -1); }) {
    llama_memory_seq_rm(llama_get_memory(context), 0, first, -1);
  } else if constexpr (requires { llama_kv_self_seq_rm(context, 0, first, -1); }) {
    llama_kv_self_seq_rm(context, 0, first, -1);
  } else {
    llama_kv_cache_seq_rm(context, 0, first, -1);
  }
}

template <class Context>
void forget_all(Context* context) {
  if constexpr (requires { llama_memory_clear(llama_get_memory(context), true); }) {
    llama_memory_clear(llama_get_memory(context), true);
  } else if constexpr (requires { llama_kv_self_clear(context); }) {
    llama_kv_self_clear(context);
  } else {
    llama_kv_cache_clear(context);
  }
}

/// Which of the two the header belongs to, for the adapter's facts.
template <class Model>
constexpr const char* generation_of(const Model* model) {
  static_cast<void>(model);
  return kTokenizes<Model> ? "llama_model" : "llama_vocab";
}

}  // namespace bh::adapter
