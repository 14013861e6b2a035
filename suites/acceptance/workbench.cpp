#include "suites/acceptance/workbench.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/text_file.h"
#include "generated/bh_acceptance.h"
#include "harness/io/model_locator.h"
#include "harness/judge/judge.h"
#include "suites/acceptance/acceptance.h"
#include "suites/acceptance/pipeline.h"
#include "suites/subjects/subject_options.h"
#include "suites/subjects/subjects.h"

namespace bh::suites::acceptance {

namespace fs = std::filesystem;
using harness::Metric;
using harness::Result;

namespace {

template <class T>
Found<T> found(const std::optional<T>& value, std::string why_not) {
  if (value) return {&*value, {}};
  return {nullptr, std::move(why_not)};
}

}  // namespace

Workbench::Workbench(const harness::SuiteContext& context)
    : context_(context),
      start_ns_(context.clock.steady_ns()),
      criteria_(Criteria::read(embedded::acceptance::criteria_json(), *context.options, "acceptance")) {
  row_ = &choose_subject(subjects(), options());
  check_mock_permission(row_->name, options().flag("allow-mock"), options().flag("real-model"));
  mock_run_ = row_->mock;
  if (row_->name == "engine" && options().flag("allow-mock") && options().text("model").empty() && !shipped_folder()) {
    progress("no model was named and the shipped one is not there: this is a mock run");
    mock_run_ = true;
    row_ = &find_subject(subjects(), "mock");
  }
}

Workbench::~Workbench() = default;

void Workbench::progress(const std::string& line) const {
  if (context_.progress) context_.progress(line);
}

bool Workbench::elsewhere() const noexcept { return is_elsewhere(row_->name); }

std::unique_ptr<harness::Subject> Workbench::open_subject(const harness::SubjectRow& row) {
  harness::SubjectSettings settings;
  // A mock makes do without a model, a server has its own; the others need one.
  if ((!row.mock && row.name != "http") || !options().text("model").empty()) settings.model = model_path();
  settings.device = device();
  settings.kernel = options().text("kernel");
  settings.threads = static_cast<int>(options().integer_or("threads", 0));
  settings.cancelled = context_.cancelled;
  if (is_elsewhere(row.name)) apply_subject_options(options(), settings);
  return row.open(settings);
}

harness::Subject& Workbench::tested() {
  if (!tested_) {
    auto opened = open_subject(*row_);
    tested_info_ = opened->describe();
    tested_ = std::move(opened);
  }
  return *tested_;
}

std::string Workbench::why_not(std::initializer_list<harness::Ability> abilities) {
  if (!elsewhere()) return {};  // ours can do all; the engine is not opened for an answer known before
  for (const harness::Ability ability : abilities) {
    if (std::string reason = tested().why_not(ability); !reason.empty()) return reason;
  }
  return {};
}

const fs::path& Workbench::model_path() {
  if (!model_path_) model_path_ = harness::locate_model(options().text("model"), harness::executable_path());
  return *model_path_;
}

std::shared_ptr<const engine::Model> Workbench::model() {
  if (!model_) {
    progress("loading " + model_path().string());
    const std::int64_t start = clock().steady_ns();
    model_ = engine::load_model(model_path());
    load_ns_ = clock().steady_ns() - start;
  }
  return model_;
}

const std::vector<harness::FileHash>& Workbench::model_files() {
  if (files_.empty()) files_ = harness::sha256_model_files(model_path());
  return files_;
}

const std::string& Workbench::model_sha256() {
  if (sha256_.empty()) sha256_ = harness::sha256_model(model_path(), model_files());
  return sha256_;
}

engine::BackendOptions Workbench::backend_options() const {
  engine::BackendOptions wanted;
  wanted.threads = static_cast<int>(options().integer_or("threads", 0));
  wanted.kernel = options().text("kernel");
  return wanted;
}

std::unique_ptr<engine::Backend> Workbench::load_backend(std::shared_ptr<const engine::Model> model) {
  return engine::find_device(device()).load(std::move(model), backend_options());
}

engine::Backend& Workbench::backend() {
  if (!backend_) backend_ = load_backend(model());
  return *backend_;
}

std::optional<fs::path> Workbench::shipped_folder() const {
  const auto shipped = harness::find_shipped_model(harness::executable_path());
  return shipped ? std::optional(shipped->folder) : std::nullopt;
}

bool Workbench::is_shipped_model() {
  const auto shipped = shipped_folder();
  const auto recording = shipped ? harness::read_recorded(*shipped / "reference") : std::nullopt;
  return recording && recording->model_sha256 == model_sha256();
}

/// A GGUF file's own folder, or a Hugging Face folder and the one around it; then the shipped model's.
std::vector<fs::path> Workbench::data_folders() {
  std::vector<fs::path> folders;
  const fs::path path = fs::absolute(model_path()).lexically_normal();
  if (fs::is_directory(path)) folders.push_back(path);
  folders.push_back(path.parent_path());
  if (const auto shipped = shipped_folder()) folders.push_back(*shipped);
  return folders;
}

Found<harness::Recorded> Workbench::recorded() {
  std::string why_not = "no recorded reference beside the model";
  if (!recorded_) {
    recorded_.emplace();
    for (const fs::path& folder : data_folders()) {
      auto read = harness::read_recorded(folder / "reference");
      if (!read || read->model_sha256 != model_sha256()) continue;
      *recorded_ = std::move(read);
      break;
    }
  }
  return found(*recorded_, why_not + ": none has this model's SHA-256 " + model_sha256());
}

Found<json::object> Workbench::recorded_text() {
  if (!recorded_text_) {
    recorded_text_.emplace();
    for (const fs::path& folder : data_folders()) {
      const fs::path file = folder / "golden" / "text.json";
      if (!fs::exists(file)) continue;
      const json::value document = read_json_file(file.string());
      if (!document.is_object() || get_string(document.get_object(), "model_sha256", file.string()) != model_sha256()) {
        continue;
      }
      *recorded_text_ = document.get_object();
      break;
    }
  }
  return found(*recorded_text_, "no text was recorded for a model with SHA-256 " + model_sha256());
}

Found<std::string> Workbench::heldout_text() {
  if (!heldout_) {
    heldout_.emplace();
    auto folders = data_folders();
    // The shipped text is in the language of the shipped model only, wherever that was copied to.
    if (const auto shipped = shipped_folder(); shipped && !is_shipped_model()) folders.pop_back();
    for (const fs::path& folder : folders) {
      if (!fs::exists(folder / "heldout.txt")) continue;
      *heldout_ = read_text_file(folder / "heldout.txt", kMaxTextBytes);
      break;
    }
  }
  return found(*heldout_, "no heldout.txt beside the model");
}

Found<std::string> Workbench::any_text() {
  if (const auto own = heldout_text()) return own;
  if (!any_text_) {
    any_text_.emplace();
    if (const auto shipped = shipped_folder(); shipped && fs::exists(*shipped / "heldout.txt")) {
      *any_text_ = read_text_file(*shipped / "heldout.txt", kMaxTextBytes);
    }
  }
  return found(*any_text_, "no heldout.txt beside the model, nor the shipped one's");
}

const WordList& Workbench::words() {
  if (!words_) {
    const auto text = heldout_text();
    words_ = text ? WordList(*text.value) : WordList();
  }
  return *words_;
}

const Profile& Workbench::profile() {
  if (profile_ == nullptr && options().has("profile")) profile_ = &criteria_.named(options().text("profile"));
  if (profile_ == nullptr && mock_run_) profile_ = &criteria_.named("mock");
  if (profile_ == nullptr && elsewhere()) profile_ = &criteria_.named("elsewhere");
  if (profile_ == nullptr) {
    harness::ModelFacts facts;
    facts.sha256 = model_sha256();
    facts.device = engine::find_device(device()).name;
    try {
      facts.n_layer = model()->config.n_layer;
      facts.n_embd = model()->config.n_embd;
    } catch (const Error&) {
      // A model that cannot be loaded is AC1's finding; it matches no profile that asks for a shape.
    }
    profile_ = &criteria_.choose(facts);
  }
  return *profile_;
}

double Workbench::number(std::string_view group, std::string_view name) {
  return criteria_.number(profile(), group, name);
}

std::int64_t Workbench::count(std::string_view group, std::string_view name) {
  return static_cast<std::int64_t>(std::llround(number(group, name)));
}

std::vector<std::string> Workbench::prompts() const {
  std::vector<std::string> texts;
  for (const json::value& text : criteria_.list("prompts")) {
    if (text.is_string()) texts.emplace_back(text.get_string());
  }
  if (texts.empty()) fail(ErrorKind::setup, "{}: \"prompts\" holds no text", criteria_.source());
  return texts;
}

std::vector<harness::Expectation> Workbench::expectations() {
  std::vector<std::string> ids;
  for (const CaseRow& row : case_rows()) ids.emplace_back(row.id);
  criteria_.check_cases(profile(), ids);
  return criteria_.expectations(profile(), ids);
}

harness::Verdict Workbench::judged(Result result, const std::string& case_id) {
  result.case_id = case_id;
  harness::judge(result, expectations());
  return result.verdict;
}

double Workbench::elapsed_seconds() const { return static_cast<double>(clock().steady_ns() - start_ns_) * 1e-9; }

json::object Workbench::subject() const {
  json::object subject{{"name", row_->name}, {"mock", mock_run_}};
  if (mock_run_) return subject;
  if (elsewhere() && tested_) {
    try {
      tested_info_ = tested_->describe();
    } catch (const harness::SubjectError&) {
      // Its case says how it ended; what it said of itself before still tells who it was.
    }
    subject = harness::to_json(tested_info_);
  }
  json::object model;
  if (model_path_) model["model_path"] = model_path_->string();
  if (!sha256_.empty()) model["model_sha256"] = sha256_;
  if (model_) {
    model["architecture"] = model_->config.architecture;
    model["format"] = model_->source.format;
  }
  if (row_->name == "http") {  // what it serves only the server can say
    if (!model.empty()) subject["compared_with"] = std::move(model);
  } else {
    for (auto& [key, value] : model) subject[key] = std::move(value);
  }
  if (backend_) subject["backend"] = backend_->describe();
  return subject;
}

}  // namespace bh::suites::acceptance
