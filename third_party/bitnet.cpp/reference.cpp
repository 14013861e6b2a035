#include "third_party/bitnet.cpp/reference.h"

#include <ggml-backend.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace bh::adapter {
namespace {

constexpr std::int32_t kMostContext = 2048;
constexpr std::int32_t kStepRows = 512;  ///< larger steps cost gigabytes of scratch on large vocabularies

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double silu(double x) { return x / (1 + std::exp(-x)); }
double relu_sqr(double x) { return x > 0 ? x * x : 0; }

/// |glu - act(gate) * up| / |glu|
double misfit(double (*act)(double), const std::vector<float>& gate, const std::vector<float>& up,
              const std::vector<float>& glu) {
  double wrong = 0, all = 0;
  for (std::size_t i = 0; i < glu.size(); ++i) {
    const double expected = act(gate[i]) * up[i];
    wrong += (glu[i] - expected) * (glu[i] - expected);
    all += static_cast<double>(glu[i]) * glu[i];
  }
  return all > 0 ? std::sqrt(wrong / all) : INFINITY;
}

}  // namespace

Reference::Reference(const Settings& settings) {
  llama_backend_init();
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  model_ = load_model(settings.model.c_str(), model_params);
  if (model_ == nullptr) {
    throw AdapterError("setup", "the reference cannot load '" + settings.model + "'; its own words are on stderr");
  }
  n_vocab_ = vocabulary_size(vocabulary_of(model_));
  n_ctx_ = settings.n_ctx > 0 ? settings.n_ctx : std::min(trained_context(model_), kMostContext);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(n_ctx_);
  params.n_batch = params.n_ctx;
  params.n_ubatch = static_cast<std::uint32_t>(std::min(n_ctx_, kStepRows));
  params.n_threads = params.n_threads_batch = settings.threads;
  // The callback returns bool, in one fork int.
  using Answer = decltype(params.cb_eval(nullptr, true, nullptr));
  params.cb_eval = [](ggml_tensor* node, bool ask, void* self) -> Answer { return on_node(node, ask, self); };
  params.cb_eval_user_data = this;
  context_ = make_context(model_, params);
  if (context_ == nullptr) {
    free_model(model_);
    throw AdapterError("setup", "the reference cannot make a context of " + std::to_string(n_ctx_) + " tokens");
  }
}

Reference::~Reference() {
  llama_free(context_);
  free_model(model_);
}

bool Reference::on_node(ggml_tensor* node, bool ask, void* self) {
  auto& reference = *static_cast<Reference*>(self);
  const bool wanted = reference.on_tensor_ && !point_of(*node).name.empty();
  if (ask) return wanted;
  if (wanted) reference.take(*node);
  return true;
}

void Reference::take(const ggml_tensor& node) {
  const std::int64_t count = ggml_nelements(&node);
  if (node.type != GGML_TYPE_F32 || !ggml_is_contiguous(&node) || count % step_rows_ != 0) return;
  std::vector<float> values(static_cast<std::size_t>(count));
  ggml_backend_tensor_get(&node, values.data(), 0, values.size() * sizeof(float));
  on_tensor_(point_of(node), step_rows_, count / step_rows_, values);
}

void Reference::check(std::span<const llama_token> ids, std::int64_t more) const {
  if (ids.empty()) throw AdapterError("usage", "there is nothing to evaluate: no token ids");
  if (static_cast<std::int64_t>(ids.size()) + more > n_ctx_) {
    throw AdapterError("usage", std::to_string(ids.size()) + " + " + std::to_string(more) +
                                    " tokens do not fit the context of " + std::to_string(n_ctx_));
  }
  for (const llama_token id : ids) {
    if (id < 0 || id >= n_vocab_) throw AdapterError("usage", "token id " + std::to_string(id) + " is out of range");
  }
}

void Reference::decode(std::span<const llama_token> ids, std::int32_t first, bool all_logits) {
  const auto count = static_cast<std::int32_t>(ids.size());
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (std::int32_t i = 0; i < count; ++i) {
    batch.token[i] = ids[static_cast<std::size_t>(i)];
    batch.pos[i] = first + i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = all_logits || i + 1 == count;
  }
  step_rows_ = count;
  const std::int32_t status = llama_decode(context_, batch);
  llama_batch_free(batch);
  if (status != 0) {
    throw AdapterError("setup", "llama_decode of " + std::to_string(count) + " tokens says " + std::to_string(status));
  }
}

void Reference::evaluate(std::span<const llama_token> ids, Mode mode, const OnRow& on_row) {
  check(ids);
  timed_prompt_.clear();
  forget_all(context_);
  const std::size_t step = mode == Mode::single ? 1 : kStepRows;
  for (std::size_t done = 0; done < ids.size();) {
    const std::size_t rows = std::min(step, ids.size() - done);
    decode(ids.subspan(done, rows), static_cast<std::int32_t>(done), true);
    for (std::size_t i = 0; i < rows && on_row; ++i) {
      const float* row = llama_get_logits_ith(context_, static_cast<std::int32_t>(i));
      if (row == nullptr) throw AdapterError("setup", "the reference has no logits of a row it was asked for");
      on_row(static_cast<std::int64_t>(done + i), {row, static_cast<std::size_t>(n_vocab_)});
    }
    done += rows;
  }
}

void Reference::logits(std::span<const llama_token> ids, Mode mode, const OnRow& on_row) {
  evaluate(ids, mode, on_row);
}

void Reference::trace(std::span<const llama_token> ids, Mode mode, const OnTensor& on_tensor) {
  on_tensor_ = on_tensor;
  try {
    evaluate(ids, mode, {});
  } catch (...) {
    on_tensor_ = {};
    throw;
  }
  on_tensor_ = {};
}

std::string Reference::probe_activation() {
  std::vector<float> gate, up, glu;
  const std::vector<llama_token> ids = {0, std::min(1, n_vocab_ - 1)};
  trace(ids, Mode::batch, [&](const Point& point, std::int64_t, std::int64_t, std::span<const float> values) {
    if (point.layer != 0) return;
    for (auto& [name, kept] : {std::pair{"ffn_gate", &gate}, std::pair{"ffn_up", &up}, std::pair{"ffn_glu", &glu}}) {
      if (point.name == name) kept->assign(values.begin(), values.end());
    }
  });
  if (glu.empty() || gate.size() != glu.size() || up.size() != glu.size()) return "unknown";
  constexpr double kAlike = 1e-3;
  if (misfit(relu_sqr, gate, up, glu) < kAlike) return "relu_sqr";
  if (misfit(silu, gate, up, glu) < kAlike) return "silu";
  return "unknown";
}

std::vector<llama_token> Reference::tokenize(const std::string& text, bool add_bos, bool parse_special) {
  const auto* vocabulary = vocabulary_of(model_);
  std::vector<llama_token> ids(text.size() + 8);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::int32_t count =
        llama_tokenize(vocabulary, text.data(), static_cast<std::int32_t>(text.size()), ids.data(),
                       static_cast<std::int32_t>(ids.size()), add_bos, parse_special);
    if (count >= 0) {
      ids.resize(static_cast<std::size_t>(count));
      return ids;
    }
    ids.resize(static_cast<std::size_t>(-static_cast<std::int64_t>(count)));
  }
  throw AdapterError("setup", "llama_tokenize contradicts itself about the number of tokens");
}

std::string Reference::detokenize(std::span<const llama_token> ids) {
  const auto* vocabulary = vocabulary_of(model_);
  std::string text;
  for (const llama_token id : ids) {
    if (id < 0 || id >= n_vocab_) throw AdapterError("usage", "token id " + std::to_string(id) + " is out of range");
    std::string piece(64, '\0');
    std::int32_t count = llama_token_to_piece(vocabulary, id, piece.data(), 64, 0, false);
    if (count < 0) {
      piece.resize(static_cast<std::size_t>(-count));
      count = llama_token_to_piece(vocabulary, id, piece.data(), -count, 0, false);
    }
    text.append(piece, 0, static_cast<std::size_t>(std::max(count, 0)));
  }
  return text;
}

llama_token Reference::best(std::int32_t row) const {
  const float* logits = llama_get_logits_ith(context_, row);
  if (logits == nullptr) throw AdapterError("setup", "the reference has no logits of a row it was asked for");
  return static_cast<llama_token>(std::max_element(logits, logits + n_vocab_) - logits);
}

Timing Reference::time(std::span<const llama_token> prompt, std::int64_t tokens, bool reuse) {
  check(prompt, tokens);
  Timing timing;
  const auto length = static_cast<std::int32_t>(prompt.size());
  const bool same = reuse && std::equal(prompt.begin(), prompt.end(), timed_prompt_.begin(), timed_prompt_.end());
  timed_prompt_.clear();
  if (same) {
    forget_from(context_, length);
    timing.reused = length;
  } else {
    forget_all(context_);
    const std::int64_t before = now_ns();
    decode(prompt, 0, false);
    timing.prefill_ns = now_ns() - before;
    after_prompt_ = best(length - 1);
  }
  llama_token id = after_prompt_;
  for (std::int64_t i = 0; i < tokens; ++i) {
    timing.ids.push_back(id);
    if (i + 1 == tokens) break;
    const std::int64_t before = now_ns();
    decode({&id, 1}, length + static_cast<std::int32_t>(i), false);
    timing.step_ns.push_back(now_ns() - before);
    timing.decode_ns += timing.step_ns.back();
    id = best(0);
  }
  timed_prompt_.assign(prompt.begin(), prompt.end());
  return timing;
}

}  // namespace bh::adapter
