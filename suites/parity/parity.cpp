#include "suites/parity/parity.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "engine/base/error.h"
#include "engine/model/hf_names.h"
#include "generated/bh_parity.h"
#include "harness/core/engine_rows.h"
#include "harness/io/model_locator.h"
#include "suites/parity/cases.h"

namespace bh::suites::parity {

using harness::Case;
using harness::Criteria;
using harness::OptionKind;
using harness::OptionRow;
using harness::Report;
using harness::Result;

namespace fs = std::filesystem;

namespace {

constexpr std::array kOptions = {
    OptionRow{
        .name = "safetensors",
        .kind = OptionKind::text,
        .value_name = "DIR",
        .help = "the model as a Hugging Face folder, packed or master; without it and --gguf the shipped model's"},
    OptionRow{.name = "gguf", .kind = OptionKind::text, .value_name = "FILE", .help = "the same model as a GGUF file"},
    OptionRow{.name = "criteria",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "thresholds and prompts to use instead of the built-in criteria.json"},
    OptionRow{.name = "profile",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .help = "thresholds to use: default or strict; without it as --strict says"},
    OptionRow{.name = "pre",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .help = "pre-tokenizer of the GGUF file, where it names none or a wrong one: llama-bpe, gpt-2, default"},
    harness::rows::kThreads,
    harness::rows::kDevice,
    harness::rows::kKernel,
};

/// --strict stands among the options that every suite has.
bool is_strict(const harness::Options& options) {
  const auto& all = options.values();
  const auto found = std::find_if(all.begin(), all.end(), [](const auto& value) { return value.name == "strict"; });
  return found != all.end() && options.flag("strict");
}

class ParitySuite final : public harness::Suite {
 public:
  explicit ParitySuite(const harness::SuiteContext& context)
      : options_(*context.options),
        progress_(context.progress),
        criteria_(Criteria::read(embedded::parity::criteria_json(), options_, "parity")),
        profile_(criteria_.named(options_.has("profile") ? options_.text("profile")
                                 : is_strict(options_)   ? "strict"
                                                         : "default")) {}

  std::vector<Case> expand() override;
  std::vector<harness::Expectation> expectations() override;
  Result run(const Case& item) override;
  void describe(Report& report) override;

 private:
  using Check = std::function<Result()>;

  void find_pairs();
  void add_pair(const fs::path& folder, const fs::path& gguf);
  void add_case(Pair& pair, const std::string& check, std::string title, json::object params, Check run);
  void add_exact(Pair& pair);
  void add_tensors(Pair& pair);
  void add_numeric(Pair& pair, const std::string& tier, const std::string& title,
                   Result (*check)(Pair&, const std::string&, const NumericSettings&));
  std::vector<std::string> prompts() const;

  const harness::Options& options_;
  std::function<void(std::string_view)> progress_;
  Criteria criteria_;
  const harness::Profile& profile_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::vector<Case> cases_;
  std::map<std::string, Check> checks_;  ///< by case id
};

void ParitySuite::find_pairs() {
  const std::string folder = options_.text("safetensors"), gguf = options_.text("gguf");
  if (folder.empty() != gguf.empty()) {
    fail(ErrorKind::usage,
         "a comparison needs both --safetensors DIR and --gguf FILE, or neither for the shipped model");
  }
  if (!folder.empty()) return add_pair(folder, gguf);
  const fs::path file = harness::locate_model("", harness::executable_path());
  for (const char* name : {"packed", "bf16"}) add_pair(file.parent_path() / name, file);
}

void ParitySuite::add_pair(const fs::path& folder, const fs::path& gguf) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    fail(ErrorKind::setup, "--safetensors '{}' is no folder: give the Hugging Face folder of the model",
         folder.string());
  if (fs::is_directory(gguf, ignored)) fail(ErrorKind::setup, "--gguf '{}' is a folder: give the file", gguf.string());
  if (progress_) progress_(fmt::format("loading {} and {}", folder.string(), gguf.string()));
  pairs_.push_back(std::make_unique<Pair>(folder, gguf, options_));
}

std::vector<Case> ParitySuite::expand() {
  find_pairs();
  for (const auto& pair : pairs_) {
    add_exact(*pair);
    add_tensors(*pair);
    if (pair->same_precision()) add_numeric(*pair, "numeric", "same precision, the same answers", check_same_precision);
    if (pair->folder_is_master() || !pair->same_precision()) {
      add_numeric(*pair, "quantized", "int8 activations near float ones", check_quantized);
    }
  }
  return cases_;
}

void ParitySuite::add_case(Pair& pair, const std::string& check, std::string title, json::object params, Check run) {
  Case item;
  item.id = fmt::format("parity/{}/{}", check, pair.name());
  item.title = std::move(title);
  item.params = std::move(params);
  item.params["pair"] = pair.name();
  checks_[item.id] = std::move(run);
  cases_.push_back(std::move(item));
}

void ParitySuite::add_exact(Pair& pair) {
  add_case(pair, "exact/metadata", "the configurations are equal", {}, [&pair] { return check_metadata(pair); });
  add_case(pair, "exact/vocabulary", "the vocabularies are equal", {}, [&pair] { return check_vocabulary(pair); });
  add_case(pair, "exact/token-ids", "hard strings have the same ids", {}, [&pair] { return check_token_ids(pair); });
}

/// Every tensor of either side.
void ParitySuite::add_tensors(Pair& pair) {
  std::set<std::string> known;
  const auto add = [&](const std::string& kind, const std::string& tensor, const char* title,
                       Result (*check)(Pair&, const std::string&)) {
    if (!known.insert(kind + tensor).second) return;
    add_case(pair, fmt::format("exact/{}/{}", kind, engine::without_weight(tensor)), title, {{"tensor", tensor}},
             [&pair, tensor, check] { return check(pair, tensor); });
  };
  for (const engine::Model* model : {&pair.left(), &pair.right()}) {
    for (const engine::Matrix* matrix : model->matrices()) {
      if (is_linear(*matrix)) {
        add("codes", matrix->name, "ternary codes are equal", check_codes);
        add("scales", matrix->name, "the scale is equal in the coarser type", check_scale);
      } else {
        add("embeddings", matrix->name, "values are equal as far as their types can tell", check_embeddings);
      }
    }
    for (const engine::Model::Norm& norm : model->norms()) add("norms", norm.name, "weights are equal", check_norm);
  }
}

void ParitySuite::add_numeric(Pair& pair, const std::string& tier, const std::string& title,
                              Result (*check)(Pair&, const std::string&, const NumericSettings&)) {
  NumericSettings settings;
  settings.steps = static_cast<std::int64_t>(criteria_.number(profile_, "numeric", "steps"));
  settings.top = static_cast<std::int64_t>(criteria_.number(profile_, "numeric", "top"));
  settings.tie_epsilon = criteria_.number(profile_, "numeric", "tie_epsilon");
  settings.near_tie_std = criteria_.number(profile_, "numeric", "near_tie_std");
  const auto texts = prompts();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    add_case(pair, fmt::format("{}/p{}", tier, i), title, {{"prompt", texts[i]}},
             [&pair, check, settings, text = texts[i]] { return check(pair, text, settings); });
  }
}

std::vector<std::string> ParitySuite::prompts() const {
  std::vector<std::string> texts;
  for (const json::value& text : criteria_.list("prompts")) {
    if (text.is_string()) texts.emplace_back(text.get_string());
  }
  if (texts.empty()) fail(ErrorKind::setup, "{}: \"prompts\" holds no text", criteria_.source());
  return texts;
}

std::vector<harness::Expectation> ParitySuite::expectations() {
  std::vector<std::string> ids;
  for (const Case& item : cases_) ids.push_back(item.id);
  return criteria_.expectations(profile_, ids);
}

Result ParitySuite::run(const Case& item) {
  const auto found = checks_.find(item.id);
  if (found == checks_.end()) fail(ErrorKind::internal, "the parity suite has no case {}", item.id);
  return found->second();
}

void ParitySuite::describe(Report& report) {
  json::array pairs;
  for (const auto& pair : pairs_) pairs.push_back(pair->describe());
  report.subject = {{"name", "engine"}, {"mock", false}};
  report.notes["compute_path"] = "real";
  report.notes["profile"] = profile_.name;
  report.notes["criteria_source"] = criteria_.source();
  report.notes["pairs"] = std::move(pairs);
}

}  // namespace

std::span<const OptionRow> option_rows() noexcept { return kOptions; }

std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context) {
  return std::make_unique<ParitySuite>(context);
}

}  // namespace bh::suites::parity
