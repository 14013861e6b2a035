// bitharness synth: writes a made model, seeded random weights of any shape.
#include "engine/model/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/gguf.h"
#include "engine/model/vocabulary_tiktoken.h"
#include "harness/cli/commands.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr OptionRow dimension(std::string_view name, std::string_view help) {
  return {.name = name, .kind = OptionKind::integer, .value_name = "N", .help = help, .min = 1, .max = 1 << 24};
}

constexpr std::array kRows = {
    OptionRow{.name = "output",
              .aliases = "o",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "the file, or the folder of a Hugging Face format, to write",
              .positional = true},
    OptionRow{.name = "preset",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .default_value = "tiny",
              .help = "shape to start from: tiny, 2b4t-heads, small (230 MB) or 2b4t (1.2 GB)"},
    OptionRow{.name = "seed",
              .aliases = "s",
              .kind = OptionKind::integer,
              .value_name = "N",
              .default_value = "1",
              .help = "equal seeds give equal files",
              .min = 0},
    OptionRow{.name = "arch",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .default_value = "bitnet-b1.58",
              .help = "architecture",
              .choices = "bitnet-b1.58|bitnet-25|bitnet|llama"},
    OptionRow{.name = "format",
              .kind = OptionKind::choice,
              .value_name = "FORMAT",
              .default_value = "gguf",
              .help = "GGUF with I2_S weights, or a Hugging Face folder with packed or float master weights",
              .choices = "gguf|hf-packed|hf-bf16"},
    OptionRow{.name = "embedding-type",
              .kind = OptionKind::choice,
              .value_name = "TYPE",
              .help = "how a GGUF file stores embeddings and output matrix; without it f16",
              .choices = "f32|f16|bf16|q8_0|q6_k"},
    OptionRow{.name = "tokenizer",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "take the vocabulary of a GGUF file, a Hugging Face folder, a tokenizer.json or a Llama 3 "
                      "tokenizer.model instead of inventing one"},
    dimension("n-layer", "blocks"),
    dimension("n-embd", "width"),
    dimension("n-ff", "width of the feed-forward part"),
    dimension("n-head", "attention heads"),
    dimension("n-head-kv", "heads of keys and values"),
    dimension("head-dim", "size of a head; without it n-embd / n-head"),
    dimension("n-vocab", "size of the invented vocabulary"),
    dimension("n-ctx", "context the model claims to be trained with"),
    OptionRow{.name = "force", .help = "replace what is there"},
    rows::kJson,
};

engine::TensorType tensor_type(std::string_view name) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  for (const engine::WeightFormat& format : engine::weight_formats()) {
    if (std::equal(format.name.begin(), format.name.end(), name.begin(), name.end(), same)) return format.type;
  }
  fail(ErrorKind::internal, "'{}' is no weight format", name);
}

engine::Vocabulary read_vocabulary(const fs::path& path) {
  if (fs::is_directory(path)) return engine::Tokenizer::from_hf_folder(path).vocabulary();
  if (path.filename() == "tokenizer.json") {
    return engine::Tokenizer::from_hf_folder(path.has_parent_path() ? path.parent_path() : ".").vocabulary();
  }
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  if (std::string_view(magic, sizeof magic) == "GGUF") {
    return engine::Tokenizer::from_gguf(engine::GgufFile::open(path)).vocabulary();
  }
  return engine::read_tiktoken(path);
}

engine::SynthOptions synth_options(const Options& options) {
  engine::SynthOptions synth;
  synth.preset = options.text("preset");
  synth.architecture = options.text("arch");
  synth.seed = static_cast<std::uint64_t>(options.integer("seed"));
  const auto dimension_of = [&](std::string_view name) {
    return static_cast<std::int32_t>(options.integer_or(name, 0));
  };
  synth.n_layer = dimension_of("n-layer");
  synth.n_embd = dimension_of("n-embd");
  synth.n_ff = dimension_of("n-ff");
  synth.n_head = dimension_of("n-head");
  synth.n_head_kv = dimension_of("n-head-kv");
  synth.head_dim = dimension_of("head-dim");
  synth.n_vocab = dimension_of("n-vocab");
  synth.n_ctx = dimension_of("n-ctx");
  if (options.has("embedding-type")) {
    if (options.text("format") != "gguf") {
      fail(ErrorKind::usage, "--embedding-type is for --format gguf; Hugging Face folders hold bf16");
    }
    synth.embedding_type = tensor_type(options.text("embedding-type"));
  }
  if (options.has("tokenizer")) synth.vocabulary = read_vocabulary(options.text("tokenizer"));
  return synth;
}

std::uint64_t bytes_of(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::file_size(path);
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path)) bytes += entry.is_regular_file() ? entry.file_size() : 0;
  return bytes;
}

int run(CommandContext& context) {
  const Options& options = context.options;
  if (!options.has("output")) {
    fail(ErrorKind::usage, "there is no place to write to: bitharness synth MODEL.gguf [--preset NAME] [--seed N]");
  }
  const fs::path path = options.text("output");
  const std::string format = options.text("format");
  if (std::error_code ignored; fs::exists(path, ignored) && !options.flag("force")) {
    fail(ErrorKind::usage, "{} is there already; name another place, or replace it with --force", path.string());
  }
  const engine::SynthOptions synth = synth_options(options);
  const std::int64_t start = context.clock.steady_ns();
  if (format == "gguf") {
    engine::write_synth_gguf(synth, path);
  } else {
    const auto weights = format == "hf-packed" ? engine::HfWeights::packed : engine::HfWeights::bf16;
    engine::write_synth_hf(synth, weights, path);
  }
  const std::int64_t wall_ns = context.clock.steady_ns() - start;
  const std::uint64_t bytes = bytes_of(path);
  if (options.flag("json")) {
    json::value document = json::object{{"path", path.string()},
                                        {"format", format},
                                        {"preset", synth.preset},
                                        {"seed", synth.seed},
                                        {"architecture", synth.architecture},
                                        {"bytes", bytes},
                                        {"wall_ns", wall_ns}};
    make_valid_utf8(document);
    context.out << write_json(document);
  } else {
    context.out << path.string() << "\n";
  }
  context.err << fmt::format("wrote {:.1f} MB of random weights (preset {}, seed {}) in {:.1f} s\n",
                             static_cast<double>(bytes) * 1e-6, synth.preset, synth.seed,
                             static_cast<double>(wall_ns) * 1e-9);
  return 0;
}

}  // namespace

const CommandRow kSynthCommand{"synth", "Writes a model with seeded random weights, for tests and timings",
                               "PATH [options]", kRows, run};

}  // namespace bh::harness
