#include "suites/crossval/bench.h"

#include <cmath>

#include "engine/base/mapped_file.h"
#include "generated/bh_crossval.h"
#include "harness/io/model_locator.h"
#include "harness/io/sha256.h"
#include "suites/subjects/bitnet_cpp.h"

namespace bh::suites::crossval {

Bench::Bench(const harness::SuiteContext& context)
    : context_(context),
      criteria_(harness::Criteria::read(embedded::crossval::criteria_json(), *context.options, "crossval")),
      lane_a_(*this, "a", context.options->text("reference")),
      lane_b_(*this, "b", context.options->text("lane-b")) {
  if (!lane_a_.named() && (options().has("prompt") || options().has("prompts"))) {
    fail(ErrorKind::usage, "--prompt and --prompts need a live reference (--reference): recorded outputs have theirs");
  }
  if (!lane_a_.named() && lane_b_.named()) fail(ErrorKind::usage, "--lane-b stands beside --reference: name that, too");
  for (const char* option : {"reference", "lane-b"}) {
    const std::string address = options().text(option);
    if (address.empty() || address.find("://") != std::string::npos) continue;
    if (!std::filesystem::exists(address)) {
      fail(ErrorKind::setup, "there is no reference at '{}': name a built folder, an adapter or a URL", address);
    }
    static_cast<void>(find_reference(address));  // a folder without one is said at once, not case by case
  }
}

void Bench::progress(const std::string& line) const {
  if (context_.progress) context_.progress(line);
}

const std::filesystem::path& Bench::model_path() {
  if (model_path_.empty()) model_path_ = harness::locate_model(options().text("model"), harness::executable_path());
  return model_path_;
}

const std::string& Bench::model_sha256() {
  if (sha256_.empty()) sha256_ = harness::sha256_model(model_path());
  return sha256_;
}

engine::Backend& Bench::backend() {
  if (!backend_) {
    progress("loading " + model_path().string());
    engine::BackendOptions wanted;
    wanted.threads = static_cast<int>(options().integer_or("threads", 0));
    wanted.kernel = options().text("kernel");
    backend_ = engine::find_device(options().text("device"))
                   .load(engine::load_model(model_path(), {.pre_tokenizer = options().text("pre")}), wanted);
  }
  return *backend_;
}

json::object Bench::subject() const {
  json::object subject{{"name", "engine"}, {"mock", false}};
  if (!model_path_.empty()) subject["model_path"] = model_path_.string();
  if (!sha256_.empty()) subject["model_sha256"] = sha256_;
  if (backend_) {
    subject["architecture"] = backend_->model().config.architecture;
    subject["layers"] = backend_->model().config.n_layer;
    subject["embedding"] = backend_->model().config.n_embd;
    subject["backend"] = backend_->describe();
  }
  return subject;
}

const harness::Profile& Bench::profile() {
  if (profile_ == nullptr && options().has("profile")) profile_ = &criteria_.named(options().text("profile"));
  if (profile_ == nullptr) {
    const engine::Config& config = model().config;
    // What is recorded is known by the model's hash; a live reference can do more for the same model.
    const std::string sha256 = lane_a_.live() ? std::string() : model_sha256();
    profile_ = &criteria_.choose({sha256, config.n_layer, config.n_embd, options().text("device")});
  }
  return *profile_;
}

harness::LogitTolerance Bench::tolerance() { return {number("logits", "close_std"), number("logits", "tie_std")}; }

std::vector<std::string> Bench::prompts() const {
  std::vector<std::string> texts = options().texts("prompt");
  if (options().has("prompts")) {
    const MappedFile file = MappedFile::open(options().text("prompts"));
    std::string_view rest{reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (!line.empty()) texts.emplace_back(line);
    }
    if (texts.empty())
      fail(ErrorKind::usage, "--prompts {}: the file holds no line of text", options().text("prompts"));
  }
  if (!texts.empty()) return texts;
  for (const json::value& text : criteria_.list("prompts")) {
    if (text.is_string()) texts.emplace_back(text.get_string());
  }
  if (texts.empty()) fail(ErrorKind::setup, "{}: \"prompts\" holds no text", criteria_.source());
  return texts;
}

std::int32_t Bench::greedy_tokens() {
  return static_cast<std::int32_t>(options().integer_or("tokens", std::llround(number("greedy", "tokens"))));
}

}  // namespace bh::suites::crossval
