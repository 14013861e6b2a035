// bitharness inspect: what a model file says about itself, whether its weights look sound, or, with --check, whether
// its header can be trusted at all.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"
#include "engine/model/safetensors.h"
#include "engine/model/stats.h"
#include "harness/cli/commands.h"
#include "harness/core/exit_code.h"
#include "harness/core/text.h"
#include "harness/io/model_locator.h"
#include "harness/io/sha256.h"
#include "harness/judge/weight_rules.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr OptionRow positional_model() {
  OptionRow row = rows::kModel;
  row.positional = true;
  return row;
}

constexpr std::array kRows = {
    positional_model(),
    OptionRow{.name = "check", .help = "only the header, reading no weights: exit 0 if it is sound, 1 if not"},
    OptionRow{.name = "stats",
              .help = "RMS and range of every norm and matrix, judged by the rules of its architecture"},
    OptionRow{
        .name = "rules",
        .kind = OptionKind::text,
        .value_name = "FILE",
        .help = "rules for --stats instead of the built-in ones (harness/judge/weight_rules.json shows the form)"},
    rows::kPreTokenizer,
    rows::kJson,
};

struct Container {
  std::string format;
  std::size_t tensor_count = 0;
  std::optional<std::size_t> kv_count;  ///< of a GGUF file
};

bool is_gguf_name(const fs::path& path) { return !fs::is_directory(path); }

/// The files that hold a model: a GGUF file, or the shards of a Hugging Face folder.
std::vector<fs::path> files_of(const fs::path& path) {
  if (is_gguf_name(path)) return {path};
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".safetensors") shards.push_back(entry.path());
  }
  if (shards.empty()) {
    fail(ErrorKind::setup, "'{}' is a folder without *.safetensors; name a GGUF file or a Hugging Face folder",
         path.string());
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

/// Header and tensor list only.
Container open_container(const fs::path& path, const std::vector<fs::path>& files) {
  if (is_gguf_name(path)) {
    const auto file = engine::GgufFile::open(path);
    return {fmt::format("GGUF v{}", file.version()), file.tensors().size(), file.keys().size()};
  }
  Container container{"SafeTensors", 0, std::nullopt};
  for (const fs::path& shard : files) {
    container.tensor_count += engine::SafeTensorsFile::open(shard).tensors().size();
  }
  return container;
}

int check(CommandContext& context, const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) fail(ErrorKind::setup, "cannot open '{}': there is no such file", path.string());
  if (!fs::is_regular_file(status) && !fs::is_directory(status)) {
    fail(ErrorKind::setup, "'{}' is neither a regular file nor a folder", path.string());
  }
  const bool as_json = context.options.flag("json");
  std::string fault;
  Container container;
  const std::vector<fs::path> files = files_of(path);  // a folder without models is not an unsound model
  try {
    container = open_container(path, files);
  } catch (const Error& caught) {
    // Nor is a file that nobody may read.
    if (!std::all_of(files.begin(), files.end(), [](const fs::path& file) { return std::ifstream(file).good(); }))
      throw;
    fault = caught.what();
  }
  if (as_json) {
    json::value document = json::object{{"path", path.string()},
                                        {"sound", fault.empty()},
                                        {"fault", fault},
                                        {"format", container.format},
                                        {"tensor_count", container.tensor_count}};
    make_valid_utf8(document);
    context.out << write_json(document);
  } else if (fault.empty()) {
    context.out << fmt::format("sound: {}, {} tensors{}\n", container.format, container.tensor_count,
                               container.kv_count ? fmt::format(", {} keys", *container.kv_count) : "");
  } else {
    context.out << "unsound: " << one_line(fault) << "\n";
  }
  return static_cast<int>(fault.empty() ? ExitCode::ok : ExitCode::failed);
}

/// The double that is written as shortly as the float is: 1e-05, not 9.999999747378752e-06.
double shortest(float value) { return std::stod(fmt::format("{}", value)); }

json::object config_json(const engine::Config& c) {
  return {{"name", c.name},
          {"n_vocab", c.n_vocab},
          {"n_ctx", c.n_ctx},
          {"n_embd", c.n_embd},
          {"n_layer", c.n_layer},
          {"n_head", c.n_head},
          {"n_head_kv", c.n_head_kv},
          {"head_dim", c.head_dim},
          {"n_ff", c.n_ff},
          {"rms_eps", shortest(c.rms_eps)},
          {"rope_base", shortest(c.rope_base)},
          {"rope_factor", shortest(c.rope_factor)},
          {"rope_style", c.rope_style == engine::RopeStyle::half_split ? "half_split" : "adjacent_pairs"},
          {"activation", c.activation == engine::Activation::silu ? "silu" : "squared_relu"},
          {"sub_norms", c.sub_norms}};
}

json::object tokenizer_json(const engine::Model& model) {
  const auto& vocabulary = model.tokenizer.vocabulary();
  const bool gguf = model.source.format.rfind("GGUF", 0) == 0;
  return {{"source", gguf ? "GGUF keys" : "tokenizer.json"},
          {"embedded", gguf},
          {"model", vocabulary.model},
          {"pre", vocabulary.pre},
          {"vocab_size", model.tokenizer.size()},
          {"bos", vocabulary.bos},
          {"eos", vocabulary.eos},
          {"eot", vocabulary.eot},
          {"padding", vocabulary.padding},
          {"chat_template", !vocabulary.chat_template.empty()}};
}

json::object quantization_json(const engine::Model& model) {
  std::map<std::string, std::int64_t> counts;
  for (const engine::Matrix* matrix : model.matrices()) ++counts[std::string(matrix->format->name)];
  json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

json::array files_json(const engine::Model& model) {
  json::array files;
  for (const fs::path& path : model.source.files) {
    files.push_back(
        json::object{{"path", path.string()}, {"bytes", fs::file_size(path)}, {"sha256", sha256_file(path)}});
  }
  return files;
}

json::object stats_json(const engine::Model& model, const std::string& rules_file, std::size_t& faults) {
  const WeightRules rules = rules_file.empty() ? weight_rules_for(model.config.architecture)
                                               : weight_rules_from(rules_file, model.config.architecture);
  json::array tensors;
  for (const auto& stats : engine::model_stats(model)) {
    const std::string fault = find_fault(rules, stats);
    faults += fault.empty() ? 0 : 1;
    tensors.push_back(json::object{{"name", stats.name},
                                   {"format", stats.format},
                                   {"rows", stats.rows},
                                   {"cols", stats.cols},
                                   {"rms", stats.rms},
                                   {"min", stats.min},
                                   {"max", stats.max},
                                   {"zero_fraction", stats.zero_fraction},
                                   {"nonfinite", stats.nonfinite},
                                   {"illegal_codes", stats.illegal_codes},
                                   {"status", fault.empty() ? "ok" : "suspicious"},
                                   {"reason", fault}});
  }
  return {{"rules", rules.name}, {"suspicious", faults}, {"tensors", std::move(tensors)}};
}

json::object describe(const engine::Model& model, const Container& container) {
  const json::array files = files_json(model);
  // The hash of the one file that holds the weights; a model of several has them under "files".
  json::value sha256 = nullptr;
  if (files.size() == 1) sha256 = files.at(0).at("sha256");
  json::array warnings;
  for (const std::string& warning : model.source.warnings) warnings.emplace_back(warning);
  const auto& vocabulary = model.tokenizer.vocabulary();
  return {{"path", model.source.path.string()},
          {"format", model.source.format},
          {"architecture", model.config.architecture},
          {"quantization", quantization_json(model)},
          {"tensor_count", container.tensor_count},
          {"kv_count", container.kv_count ? json::value(*container.kv_count) : json::value(nullptr)},
          {"file_bytes", model.source.file_bytes},
          {"sha256", std::move(sha256)},
          {"files", files},
          {"tokenizer", tokenizer_json(model)},
          {"scoring_policy",
           {{"add_bos", vocabulary.add_bos},
            {"append_eos", vocabulary.add_eos},
            {"mask_pad", vocabulary.padding != engine::kNoToken}}},
          {"config", config_json(model.config)},
          {"tied_output", model.tied_output},
          {"warnings", std::move(warnings)}};
}

/// "key: value" lines, nested keys with dots.
void print(std::ostream& out, const json::object& object, const std::string& prefix) {
  for (const auto& member : object) {
    const std::string key = prefix + std::string(member.key().data(), member.key().size());
    const json::value& value = member.value();
    if (value.is_object()) {
      print(out, value.get_object(), key + ".");
    } else if (value.is_string()) {
      out << fmt::format("{}: {}\n", key, one_line({value.get_string().data(), value.get_string().size()}));
    } else {
      out << fmt::format("{}: {}\n", key, write_json_line(value));
    }
  }
}

void print_stats(std::ostream& out, const json::object& stats) {
  out << fmt::format("\n{:<36} {:<6} {:>12} {:>12} {:>12} {:>7}  status (rules {})\n", "tensor", "format", "rms", "min",
                     "max", "zeros", get_string(stats, "rules", "stats"));
  for (const auto& value : stats.at("tensors").as_array()) {
    const json::object& t = value.as_object();
    const std::string reason = get_string(t, "reason", "stats");
    out << fmt::format("{:<36} {:<6} {:>12.6g} {:>12.6g} {:>12.6g} {:>6.1f}%  {}\n", get_string(t, "name", "stats"),
                       get_string(t, "format", "stats"), get_number(t, "rms", "stats"), get_number(t, "min", "stats"),
                       get_number(t, "max", "stats"), 100 * get_number(t, "zero_fraction", "stats"),
                       reason.empty() ? "ok" : "suspicious: " + reason);
  }
}

int run(CommandContext& context) {
  const Options& options = context.options;
  const auto path = locate_model(options.text("model"), executable_path());
  if (options.flag("check")) return check(context, path);
  const auto model = engine::load_model(path, {.pre_tokenizer = options.text("pre"), .check_values = false});
  json::value document = describe(*model, open_container(path, files_of(path)));
  std::size_t faults = 0;
  if (options.flag("stats")) document.get_object()["stats"] = stats_json(*model, options.text("rules"), faults);
  make_valid_utf8(document);
  if (options.flag("json")) {
    context.out << write_json(document);
  } else {
    json::object plain = document.get_object();
    plain.erase("stats");
    plain.erase("files");
    print(context.out, plain, "");
    if (options.flag("stats")) print_stats(context.out, document.at("stats").as_object());
  }
  if (faults > 0) context.err << fmt::format("warning: {} tensors look suspicious\n", faults);
  return static_cast<int>(faults == 0 ? ExitCode::ok : ExitCode::failed);
}

}  // namespace

const CommandRow kInspectCommand{
    "inspect", "Says what a model is made of; --check looks at its header alone, --stats at every tensor",
    "[MODEL] [options]", kRows, run};

}  // namespace bh::harness
