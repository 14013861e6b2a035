// bitharness perplexity: how well a model predicts a text, by llama-perplexity's protocol.
#include "engine/runtime/perplexity.h"

#include <fmt/format.h>

#include <array>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "harness/cli/commands.h"
#include "harness/core/text.h"
#include "harness/io/model_locator.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    rows::kModel,
    rows::kFile,
    rows::kPrompt,
    OptionRow{.name = "ctx-size",
              .aliases = "c",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "512",
              .help = "tokens of a chunk; its second half is scored",
              .min = 8,
              .max = 1 << 20},
    OptionRow{.name = "chunks",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "-1",
              .help = "chunks to evaluate; -1 = all the text has",
              .min = -1,
              .max = 1 << 30},
    rows::kBatch,
    rows::kMicroBatch,
    rows::kThreads,
    rows::kKernel,
    rows::kDevice,
    rows::kPreTokenizer,
    rows::kNumerics,
    rows::kJson,
};

constexpr std::string_view kMasterFormat = "SafeTensors (master)";

void give_notes(CommandContext& context, const engine::Model& model, std::int64_t n_ctx) {
  for (const std::string& warning : model.source.warnings) context.err << "warning: " << warning << "\n";
  if (model.source.format == kMasterFormat) {
    context.err << "note: float master weights are ternarised on load, as the model was trained to be run\n";
  }
  if (n_ctx > model.config.n_ctx) {
    context.err << fmt::format("warning: chunks of {} tokens are longer than the {} the model was trained with (-c)\n",
                               n_ctx, model.config.n_ctx);
  }
}

/// As llama-perplexity reads it: one newline at the end is not text, and nothing in it is a control token.
std::vector<engine::TokenId> encode_text(CommandContext& context, const engine::Model& model) {
  std::string text = read_text(context);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return model.tokenizer.encode(text, {.add_special = true, .parse_special = false});
}

json::value document(const engine::Backend& backend, const Options& options, const engine::PerplexityResult& result,
                     std::int64_t wall_ns) {
  json::array chunk_nll;
  for (const double nll : result.chunk_nll) chunk_nll.push_back(nll);
  json::object kernels;
  for (const auto& kernel : backend.kernel_counts()) {
    if (kernel.count > 0) kernels[kernel.name] = kernel.count;
  }
  const engine::Model& model = backend.model();
  json::value value = json::object{{"model", model.source.path.string()},
                                   {"format", model.source.format},
                                   {"backend", backend.describe()},
                                   {"numerics", options.text("numerics")},
                                   {"n_ctx", result.n_ctx},
                                   {"n_tokens", result.n_tokens},
                                   {"n_chunks", result.chunk_nll.size()},
                                   {"n_scored", result.n_scored},
                                   {"ppl", result.ppl},
                                   {"ppl_error", result.ppl_error},
                                   {"ln_ppl", result.ln_ppl},
                                   {"ln_ppl_error", result.ln_ppl_error},
                                   {"chunk_nll", std::move(chunk_nll)},
                                   {"wall_ns", wall_ns},
                                   {"kernels", std::move(kernels)}};
  make_valid_utf8(value);
  return value;
}

int run(CommandContext& context) {
  const Options& options = context.options;
  const engine::Device& device = engine::find_device(options.text("device"));
  engine::PerplexityOptions protocol;
  protocol.n_ctx = static_cast<std::int32_t>(options.integer("ctx-size"));
  protocol.max_chunks = static_cast<std::int32_t>(options.integer("chunks"));
  protocol.n_batch = static_cast<std::int32_t>(options.integer("batch-size"));

  const auto model = engine::load_model(locate_model(options.text("model"), executable_path()),
                                        {.pre_tokenizer = options.text("pre"), .check_codes = false});
  give_notes(context, *model, protocol.n_ctx);
  const auto tokens = encode_text(context, *model);
  const auto backend = device.load(model, {.threads = static_cast<int>(options.integer_or("threads", 0)),
                                           .kernel = options.text("kernel"),
                                           .max_rows = static_cast<std::int32_t>(options.integer("ubatch-size")),
                                           .head_screen = engine::HeadScreen::never});  // every logit counts
  const std::int64_t start = context.clock.steady_ns();
  std::int64_t expected = 0;
  const auto on_chunk = [&](const engine::PerplexityResult& so_far, std::int64_t chunks) {
    const auto done = static_cast<std::int64_t>(so_far.chunk_nll.size());
    const double seconds = static_cast<double>(context.clock.steady_ns() - start) * 1e-9;
    if (done == 1) {
      context.err << fmt::format("{}: {} chunks of {} tokens, about {:.0f} s\n", backend->describe(), chunks,
                                 so_far.n_ctx, seconds * static_cast<double>(chunks));
    }
    context.err << fmt::format("[{}]{:.4f},", done, so_far.ppl) << (done == chunks ? "\n" : "") << std::flush;
    expected = chunks;
    return !context.cancelled();
  };
  const auto result =
      engine::perplexity(*backend, engine::numerics_from(options.text("numerics")), tokens, protocol, on_chunk);
  const auto done = static_cast<std::int64_t>(result.chunk_nll.size());
  if (options.flag("json")) {
    context.out << write_json(document(*backend, options, result, context.clock.steady_ns() - start));
  } else if (done < expected) {
    context.out << fmt::format("\nEstimate after {} of {} chunks: PPL = {:.4f} +/- {:.5f}\n", done, expected,
                               result.ppl, result.ppl_error);
  } else {
    context.out << fmt::format("Final estimate: PPL = {:.4f} +/- {:.5f}\n", result.ppl, result.ppl_error);
  }
  return 0;
}

}  // namespace

const CommandRow kPerplexityCommand{
    "perplexity", "Measures how well a model predicts a text (-f or the standard input), as llama-perplexity does", "",
    kRows, run};

}  // namespace bh::harness
