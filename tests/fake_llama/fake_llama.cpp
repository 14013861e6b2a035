// A reference engine of no use but for tests: bytes are tokens, and the logits of a position are a simple function of
// the tokens up to it. The environment variable FAKE_LLAMA makes it misbehave:
//   refuse          does not load the model        crash | hang | throw    in the second evaluation
//   print           writes noise to stdout         silu                    has another activation
//   slow_to_load    takes ten seconds to load      batch                   rounds batches elsewhere than single tokens
#include <llama.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::int32_t kVocabulary = 257, kBos = 256, kTrainedContext = 96;
constexpr std::int64_t kDim = 8;

bool told_to(const char* what) {
  const char* order = std::getenv("FAKE_LLAMA");
  return order != nullptr && std::strcmp(order, what) == 0;
}

}  // namespace

struct llama_model {
  int unused = 0;
};

struct llama_context {
  llama_context_params params{};
  std::vector<llama_token> past;
  std::vector<float> logits;  ///< of the last call, a row of kVocabulary per token
  int calls = 0;
};

namespace {

void show(llama_context& context, const char* name, ggml_op op, const std::vector<float>& values) {
  ggml_tensor node{GGML_TYPE_F32, {static_cast<std::int64_t>(values.size()), 1, 1, 1}, op, {}, values.data()};
  std::snprintf(node.name, sizeof(node.name), "%s", name);
  if (context.params.cb_eval == nullptr || !context.params.cb_eval(&node, true, context.params.cb_eval_user_data)) {
    return;
  }
  context.params.cb_eval(&node, false, context.params.cb_eval_user_data);
}

void show_graph(llama_context& context, std::int32_t rows) {
  const auto count = static_cast<std::size_t>(rows * kDim);
  std::vector<float> gate(count), up(count), glu(count);
  for (std::size_t i = 0; i < count; ++i) {
    gate[i] = 0.5f * static_cast<float>(i % 7) - 1.5f;
    up[i] = 0.25f * static_cast<float>(i % 5) + 0.25f;
    const float act = told_to("silu") ? gate[i] / (1 + std::exp(-gate[i])) : std::max(gate[i], 0.0f) * gate[i];
    glu[i] = act * up[i];
  }
  show(context, "attn_norm-0", GGML_OP_MUL, gate);
  show(context, "Qcur-0", GGML_OP_MUL_MAT, gate);
  show(context, "Qcur-0", GGML_OP_ROPE, up);
  show(context, "k_cache_view-0", GGML_OP_NONE, up);
  show(context, "ffn_gate-0", GGML_OP_MUL_MAT, gate);
  show(context, "ffn_up-0", GGML_OP_MUL_MAT, up);
  show(context, "ffn_out-0", GGML_OP_MUL, glu);
  show(context, "result_output", GGML_OP_MUL_MAT, context.logits);
}

void misbehave(int calls) {
  constexpr int kProbe = 1;  // the adapter's own evaluation at its start
  if (calls <= kProbe) return;
  if (told_to("crash")) std::raise(SIGSEGV);
  if (told_to("hang")) ::pause();
  if (told_to("throw")) throw std::invalid_argument("thrown through the C API");
}

llama_model* load(const char* path) {
  if (told_to("print")) std::puts("noise on stdout that is no frame");
  if (told_to("slow_to_load")) ::sleep(10);
  std::FILE* file = told_to("refuse") ? nullptr : std::fopen(path, "rb");
  if (file == nullptr) {
    std::fprintf(stderr, "fake: cannot load %s\n", path);
    return nullptr;
  }
  std::fclose(file);
  return new llama_model;
}

bool forget(llama_context& context, llama_pos first) {
  context.past.resize(std::min(context.past.size(), static_cast<std::size_t>(std::max(first, 0))));
  return true;
}

}  // namespace

extern "C" {

std::int64_t ggml_nelements(const ggml_tensor* tensor) { return tensor->ne[0] * tensor->ne[1]; }
bool ggml_is_contiguous(const ggml_tensor*) { return true; }
void ggml_backend_tensor_get(const ggml_tensor* tensor, void* data, std::size_t offset, std::size_t size) {
  std::memcpy(data, reinterpret_cast<const char*>(tensor->data) + offset, size);
}

void llama_backend_init() {}
const char* llama_print_system_info() { return "FAKE = 1"; }
llama_model_params llama_model_default_params() { return {}; }
llama_context_params llama_context_default_params() { return {}; }
void llama_free(llama_context* context) { delete context; }

llama_batch llama_batch_init(std::int32_t n_tokens, std::int32_t, std::int32_t) {
  const auto n = static_cast<std::size_t>(n_tokens);
  llama_batch batch{0,
                    new llama_token[n],
                    nullptr,
                    new llama_pos[n],
                    new std::int32_t[n],
                    new llama_seq_id*[n + 1],
                    new std::int8_t[n]};
  for (std::size_t i = 0; i < n; ++i) batch.seq_id[i] = new llama_seq_id[1];
  batch.seq_id[n] = nullptr;
  return batch;
}

void llama_batch_free(llama_batch batch) {
  for (llama_seq_id** each = batch.seq_id; *each != nullptr; ++each) delete[] * each;
  delete[] batch.token;
  delete[] batch.pos;
  delete[] batch.n_seq_id;
  delete[] batch.seq_id;
  delete[] batch.logits;
}

std::int32_t llama_decode(llama_context* context, llama_batch batch) {
  misbehave(++context->calls);
  if (batch.n_tokens > static_cast<std::int32_t>(context->params.n_batch)) return 1;
  context->logits.clear();
  for (std::int32_t i = 0; i < batch.n_tokens; ++i) {
    if (batch.pos[i] != static_cast<llama_pos>(context->past.size())) return 2;  // a gap, or a position twice
    context->past.push_back(batch.token[i]);
    std::int64_t state = 1;
    for (const llama_token id : context->past) state = (state * 31 + id) % 9973;
    for (std::int32_t id = 0; id < kVocabulary; ++id) {
      const double shift = told_to("batch") && batch.n_tokens > 1 ? 1e-3 : 0;
      context->logits.push_back(static_cast<float>(std::sin(0.01 * static_cast<double>(state * (id + 1))) + shift));
    }
  }
  show_graph(*context, batch.n_tokens);
  return 0;
}

float* llama_get_logits_ith(llama_context* context, std::int32_t row) {
  const auto first = static_cast<std::size_t>(row) * kVocabulary;
  return first < context->logits.size() ? context->logits.data() + first : nullptr;
}

#if FAKE_LLAMA_GENERATION == 1
llama_model* llama_load_model_from_file(const char* path, llama_model_params) { return load(path); }
void llama_free_model(llama_model* model) { delete model; }
llama_context* llama_new_context_with_model(llama_model*, llama_context_params params) {
  return new llama_context{params, {}, {}};
}
std::int32_t llama_n_ctx_train(const llama_model*) { return kTrainedContext; }
std::int32_t llama_n_vocab(const llama_model*) { return kVocabulary; }
void llama_kv_cache_clear(llama_context* context) { forget(*context, 0); }
bool llama_kv_cache_seq_rm(llama_context* context, llama_seq_id, llama_pos first, llama_pos) {
  return forget(*context, first);
}
#else
llama_model* llama_model_load_from_file(const char* path, llama_model_params) { return load(path); }
void llama_model_free(llama_model* model) { delete model; }
llama_context* llama_init_from_model(llama_model*, llama_context_params params) {
  return new llama_context{params, {}, {}};
}
std::int32_t llama_model_n_ctx_train(const llama_model*) { return kTrainedContext; }
const llama_vocab* llama_model_get_vocab(const llama_model* model) {
  return reinterpret_cast<const llama_vocab*>(model);
}
std::int32_t llama_vocab_n_tokens(const llama_vocab*) { return kVocabulary; }
llama_memory_t llama_get_memory(const llama_context* context) {
  return reinterpret_cast<llama_memory_t>(const_cast<llama_context*>(context));
}
void llama_memory_clear(llama_memory_t memory, bool) { forget(*reinterpret_cast<llama_context*>(memory), 0); }
bool llama_memory_seq_rm(llama_memory_t memory, llama_seq_id, llama_pos first, llama_pos) {
  return forget(*reinterpret_cast<llama_context*>(memory), first);
}
#endif

std::int32_t llama_tokenize(const llama_vocabulary*, const char* text, std::int32_t bytes, llama_token* tokens,
                            std::int32_t room, bool add_special, bool) {
  const std::int32_t count = bytes + (add_special ? 1 : 0);
  if (count > room) return -count;
  if (add_special) *tokens++ = kBos;
  for (std::int32_t i = 0; i < bytes; ++i) tokens[i] = static_cast<unsigned char>(text[i]);
  return count;
}

std::int32_t llama_token_to_piece(const llama_vocabulary*, llama_token token, char* text, std::int32_t room,
                                  std::int32_t, bool) {
  if (token == kBos) return 0;
  if (room < 1) return -1;
  *text = static_cast<char>(token);
  return 1;
}

}  // extern "C"
