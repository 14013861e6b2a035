// bitharness run: a prompt in, generated text out, streaming.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/runtime/generate.h"
#include "engine/runtime/prompt_template.h"
#include "harness/cli/commands.h"
#include "harness/core/text.h"
#include "harness/io/model_locator.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    rows::kModel,
    rows::kPrompt,
    rows::kFile,
    OptionRow{.name = "n-predict",
              .aliases = "n",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "-1",
              .help = "tokens to generate at most; -1 = until the model ends or the context is full",
              .min = -1,
              .max = 1 << 24},
    rows::kThreads,
    rows::kContext,
    rows::kBatch,
    rows::kMicroBatch,
    OptionRow{.name = "gpu-layers",
              .aliases = "ngl",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help = "0 keeps the model on the CPU, anything else moves all of it to a GPU where there is one",
              .min = -1,
              .max = 1 << 20},
    OptionRow{.name = "seed",
              .aliases = "s",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "0",
              .help = "seed of sampling: equal seeds give equal text; -1 draws one",
              .min = -1},
    OptionRow{.name = "temp",
              .kind = OptionKind::number,
              .value_name = "T",
              .default_value = "0.8",
              .help = "temperature; 0 always takes the likeliest token",
              .min = 0},
    OptionRow{.name = "top-k",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "40",
              .help = "sample among the N likeliest tokens; 0 = all",
              .min = 0,
              .max = 1 << 24},
    OptionRow{.name = "top-p",
              .kind = OptionKind::number,
              .value_name = "P",
              .default_value = "0.95",
              .help = "sample among the likeliest tokens that make up probability P; 1 = all",
              .min = 0,
              .max = 1},
    OptionRow{.name = "min-p",
              .kind = OptionKind::number,
              .value_name = "P",
              .default_value = "0.05",
              .help = "leave out tokens less likely than P times the likeliest; 0 = none",
              .min = 0,
              .max = 1},
    OptionRow{.name = "repeat-penalty",
              .kind = OptionKind::number,
              .value_name = "X",
              .default_value = "1",
              .help = "divides the logits of recent tokens; 1 = off",
              .min = 0.01,
              .max = 100},
    OptionRow{.name = "repeat-last-n",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "64",
              .help = "how many tokens the penalty looks back; 0 = none, -1 = all",
              .min = -1,
              .max = 1 << 24},
    OptionRow{.name = "template",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .default_value = "raw",
              .help = "what the prompt is wrapped in: raw, instruct, llama3-chat, bitnet-chat, bitnet-chat-reference"},
    OptionRow{.name = "system",
              .kind = OptionKind::text,
              .value_name = "TEXT",
              .help = "a system message in front of the prompt; needs a template other than raw"},
    OptionRow{.name = "stop",
              .kind = OptionKind::text,
              .value_name = "TEXT",
              .help = "end before this text",
              .repeatable = true},
    OptionRow{.name = "ignore-eog", .help = "go on after the model's end-of-generation token"},
    OptionRow{.name = "speculate",
              .kind = OptionKind::choice,
              .value_name = "WHEN",
              .default_value = "auto",
              .help = "guess tokens by prompt lookup and verify several in one step, as long as that is faster: the "
                      "answer is the same",
              .choices = "auto|never"},
    rows::kKernel,
    rows::kHeadScreen,
    rows::kDevice,
    rows::kPreTokenizer,
    rows::kNumerics,
    rows::kJson,
};

/// A loaded model with everything a generation needs.
struct Loaded {
  std::shared_ptr<const engine::Model> model;
  std::string device;
  std::unique_ptr<engine::Backend> backend;
  std::int64_t load_ns = 0;
};

std::string choose_device(CommandContext& context) {
  const Options& options = context.options;
  std::string device = options.text("device");
  if (options.has("gpu-layers") && !options.given("device")) {
    if (options.integer("gpu-layers") == 0) device = "cpu";
    if (options.integer("gpu-layers") != 0 && engine::find_device(device).name == "cpu") {
      context.err << "note: -ngl asks for a GPU, but there is none to use; running on the CPU\n";
    }
  }
  return device;
}

Loaded load(CommandContext& context) {
  const Options& options = context.options;
  const std::int64_t start = context.clock.steady_ns();
  Loaded loaded;
  loaded.device = choose_device(context);
  const engine::Device& device = engine::find_device(loaded.device);
  const auto path = locate_model(options.text("model"), executable_path());
  loaded.model = engine::load_model(path, {.pre_tokenizer = options.text("pre"), .check_codes = false});
  for (const std::string& warning : loaded.model->source.warnings) context.err << "warning: " << warning << "\n";
  loaded.backend = device.load(loaded.model, {.threads = static_cast<int>(options.integer_or("threads", 0)),
                                              .kernel = options.text("kernel"),
                                              .max_rows = static_cast<std::int32_t>(options.integer("ubatch-size")),
                                              .head_screen = head_screen_from(options.text("head-screen"))});
  loaded.load_ns = context.clock.steady_ns() - start;
  return loaded;
}

engine::GenerateOptions generate_options(const Options& options, const engine::PromptTemplate& form) {
  engine::GenerateOptions generate;
  generate.max_tokens = static_cast<std::int32_t>(options.integer("n-predict"));
  generate.n_batch = static_cast<std::int32_t>(options.integer("batch-size"));
  generate.ignore_eog = options.flag("ignore-eog");
  generate.stop_texts = options.texts("stop");
  generate.stop_texts.insert(generate.stop_texts.end(), form.stop_texts.begin(), form.stop_texts.end());
  auto& sampling = generate.sampling;
  sampling.temperature = static_cast<float>(options.number("temp"));
  sampling.top_k = static_cast<std::int32_t>(options.integer("top-k"));
  sampling.top_p = static_cast<float>(options.number("top-p"));
  sampling.min_p = static_cast<float>(options.number("min-p"));
  sampling.repeat_penalty = static_cast<float>(options.number("repeat-penalty"));
  sampling.repeat_last_n = static_cast<std::int32_t>(options.integer("repeat-last-n"));
  const std::int64_t seed = options.integer("seed");
  sampling.seed = seed >= 0 ? static_cast<std::uint64_t>(seed) : std::random_device{}();
  engine::validate(sampling);
  return generate;
}

std::vector<engine::TokenId> encode_prompt(CommandContext& context, const engine::Model& model,
                                           const engine::PromptTemplate& form) {
  std::string text = read_text(context);
  if (!context.options.has("prompt") && !text.empty() && text.back() == '\n') text.pop_back();  // the file's last line
  std::vector<engine::Message> messages;
  if (context.options.has("system")) {
    if (form.name == "raw") fail(ErrorKind::usage, "--system needs a --template other than raw");
    messages.push_back({"system", context.options.text("system")});
  }
  messages.push_back({"user", text});
  auto ids =
      model.tokenizer.encode(form.render(messages), {.add_special = true, .parse_special = form.parse_special()});
  if (ids.empty()) fail(ErrorKind::usage, "the prompt holds no tokens; give some text with -p, -f or stdin");
  return ids;
}

double per_second(std::size_t tokens, std::int64_t nanoseconds) {
  return nanoseconds > 0 ? static_cast<double>(tokens) * 1e9 / static_cast<double>(nanoseconds) : 0.0;
}

json::value rate_or_null(std::size_t tokens, std::int64_t nanoseconds) {
  if (tokens == 0 || nanoseconds <= 0) return nullptr;
  return per_second(tokens, nanoseconds);
}

std::size_t decoded_tokens(const engine::Generation& generation) {
  return static_cast<std::size_t>(generation.decode_tokens());
}

json::object timings(const Loaded& loaded, std::size_t prompt_tokens, const engine::Generation& generation) {
  json::array steps;
  for (const auto step : generation.step_ns) steps.push_back(step);
  return {{"load_ns", loaded.load_ns},
          {"prefill_tokens", prompt_tokens},
          {"prefill_ns", generation.prefill_ns},
          {"prefill_tokens_per_second", rate_or_null(prompt_tokens, generation.prefill_ns)},
          {"decode_tokens", generation.decode_tokens()},
          {"decode_ns", generation.decode_ns},
          {"decode_tokens_per_second", rate_or_null(decoded_tokens(generation), generation.decode_ns)},
          {"step_ns", std::move(steps)},
          {"drafted_tokens", generation.drafted},
          {"accepted_tokens", generation.accepted}};
}

json::value document(const Loaded& loaded, const engine::Session& session, std::span<const engine::TokenId> prompt,
                     const engine::GenerateOptions& options, const engine::Generation& generation) {
  json::array prompt_ids, ids;
  for (const auto id : prompt) prompt_ids.push_back(id);
  for (const auto id : generation.ids) ids.push_back(id);
  json::object kernels;
  for (const auto& kernel : loaded.backend->kernel_counts()) {
    if (kernel.count > 0) kernels[kernel.name] = kernel.count;
  }
  const auto& sampling = options.sampling;
  json::value value = json::object{{"model", loaded.model->source.path.string()},
                                   {"backend", loaded.backend->describe()},
                                   {"numerics", engine::to_string(session.numerics())},
                                   {"n_ctx", session.n_ctx()},
                                   {"prompt_ids", std::move(prompt_ids)},
                                   {"ids", std::move(ids)},
                                   {"text", generation.text},
                                   {"stop_reason", engine::to_string(generation.stop_reason)},
                                   {"stop_detail", generation.stop_detail},
                                   {"sampling",
                                    {{"seed", sampling.seed},
                                     {"temperature", sampling.temperature},
                                     {"top_k", sampling.top_k},
                                     {"top_p", sampling.top_p},
                                     {"min_p", sampling.min_p},
                                     {"repeat_penalty", sampling.repeat_penalty},
                                     {"repeat_last_n", sampling.repeat_last_n}}},
                                   {"timings", timings(loaded, prompt.size(), generation)},
                                   {"kernels", std::move(kernels)}};
  make_valid_utf8(value);
  return value;
}

int run(CommandContext& context) {
  const Options& options = context.options;
  const auto& form = engine::find_prompt_template(options.text("template"));
  engine::GenerateOptions generate = generate_options(options, form);
  engine::NgramDrafter drafter;
  if (options.text("speculate") == "auto") generate.drafter = &drafter;
  const Loaded loaded = load(context);
  if (const auto missing = engine::missing_markers(form, loaded.model->tokenizer); !missing.empty()) {
    context.err << fmt::format(
        "warning: the vocabulary has no {}, which template {} writes: the model reads plain text there and was "
        "hardly trained on it; use the template that its makers name\n",
        fmt::join(missing, ", "), form.name);
  }
  const auto prompt = encode_prompt(context, *loaded.model, form);
  engine::Session session(*loaded.backend, static_cast<std::int32_t>(options.integer("ctx-size")),
                          engine::numerics_from(options.text("numerics")));
  const bool as_json = options.flag("json");
  const engine::OnText on_text = [&](std::string_view text) {
    if (!as_json) context.out << text << std::flush;
    return !context.cancelled() && context.out.good();
  };
  const auto generation = engine::generate(session, prompt, generate, on_text, context.clock.steady_ns);
  if (as_json) {
    context.out << write_json(document(loaded, session, prompt, generate, generation));
  } else {
    context.out << "\n";
  }
  context.err << fmt::format(
      "{}: prefill {} tokens at {:.1f} tok/s, decode {} at {:.1f} tok/s{}, ended by {}{}\n", loaded.backend->describe(),
      prompt.size(), per_second(prompt.size(), generation.prefill_ns), generation.decode_tokens(),
      per_second(decoded_tokens(generation), generation.decode_ns),
      generation.drafted == 0 ? "" : fmt::format(" ({} of {} guesses right)", generation.accepted, generation.drafted),
      engine::to_string(generation.stop_reason),
      generation.stop_detail.empty() ? "" : " " + shell_quote(generation.stop_detail));
  return 0;
}

}  // namespace

const CommandRow kRunCommand{"run", "Generates text from a prompt (-p, -f or the standard input)", "", kRows, run};

}  // namespace bh::harness
