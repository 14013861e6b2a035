// Whole models from one GGUF file or from the files of a Hugging Face folder: what loads can also be run.
#include <array>
#include <memory>

#include "engine/backend.h"
#include "engine/model/model.h"
#include "engine/runtime/session.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/readers.h"
#include "tests/fuzz/seeds.h"

namespace bh::fuzz {
namespace {

using engine::Model;

void check_model(const Model& model) {
  const engine::Config& config = model.config;
  expect(model.layers.size() == static_cast<std::size_t>(config.n_layer), "a model has its layers");
  expect(model.output_norm.size() == static_cast<std::size_t>(config.n_embd), "the output norm fits");
  for (const engine::Matrix* matrix : model.matrices()) {
    expect(matrix->present() && matrix->format->byte_size(matrix->rows, matrix->cols) == matrix->bytes.size(),
           "a matrix has its format's size");
    if (matrix->format->ternary)
      expect(matrix->format->check(matrix->bytes, matrix->rows, matrix->cols).empty(), "ternary matrices are sound");
  }
  expect(model.tokenizer.size() <= config.n_vocab, "every token has an embedding");
}

/// One step over three tokens; whatever the weights hold, there are logits.
void run_model(const std::shared_ptr<const Model>& model) {
  constexpr std::int32_t kContext = 8;
  engine::BackendOptions options;
  options.threads = 1;
  options.max_rows = 4;
  const auto backend = engine::find_device("cpu").load(model, options);
  engine::Session session(*backend, kContext);
  const engine::TokenId last = model->config.n_vocab - 1;
  const std::array<engine::TokenId, 3> tokens = {0, last, last / 2};
  expect(session.eval(tokens).size() == static_cast<std::size_t>(model->config.n_vocab), "there are logits");
}

void load_and_run(const std::filesystem::path& path, bool check_values) {
  std::shared_ptr<const Model> model;
  if (!accepts([&] { model = engine::load_model(path, {{}, check_values}); })) return;
  check_model(*model);
  exercise(model->tokenizer);
  accepts([&] { run_model(model); });
}

}  // namespace

void run_gguf_model(std::span<const std::byte> bytes) {
  const MemoryFile file(bytes);
  load_and_run(file.path(), bytes.size() % 2 == 0);
}

void run_hf_model(std::span<const std::byte> bytes) {
  load_and_run(write_parts("hf_model", as_text(bytes), {"config.json", "tokenizer.json", "model.safetensors"}), false);
}

}  // namespace bh::fuzz
