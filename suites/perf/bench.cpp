#include "suites/perf/bench.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/host.h"
#include "engine/cpu/kernel_table.h"
#include "harness/io/model_locator.h"
#include "harness/io/sha256.h"
#include "harness/judge/criteria.h"
#include "suites/perf/models.h"
#include "suites/subjects/subjects.h"

namespace bh::suites::perf {
namespace {

/// "cpu.avx512_vnni": the device, the instruction set of the kernel that does most of its work, and what else makes
/// other cases of them.
std::string name_of_device(const harness::Options& options) {
  std::string device(engine::find_device(options.text("device")).name);
  if (device != "cpu") return device;
  const std::string kernel = engine::bind_kernels(options.text("kernel")).ternary_name;
  const bool int8 = engine::numerics_from(options.text("numerics")) == engine::Numerics::one_answer_kv_int8;
  return device + "." + kernel.substr(kernel.find('.') + 1) + (int8 ? ".kv_int8" : "");
}

}  // namespace

Bench::Bench(const harness::SuiteContext& context, harness::Criteria criteria)
    : context_(context), criteria_(std::move(criteria)) {
  refuse_outside("seconds", number("sample", "seconds"), 0.001, 60, criteria_.source());
  refuse_outside("check_tokens", number("sample", "check_tokens"), 1, 4096, criteria_.source());
  refuse_outside("margin", number("gate", "margin"), 0.001, 0.9, criteria_.source());
  table_ = read_table(options(), criteria_, host_facts().usable_cores);
  rivals_ = read_rivals(options().texts("against"));
  if (options().has("candidate") && rivals_.empty()) {
    fail(ErrorKind::usage, "--candidate names what is timed beside a rival: name that with --against");
  }
  device_name_ = name_of_device(options());
  for (const std::string& named : table_.models) {
    PerfModel model = find_perf_model(named, options().text("cache-dir"));
    const auto same = std::count_if(models_.begin(), models_.end(), [&](const PerfModel& other) {
      return other.name == model.name || other.name.rfind(model.name + "-#", 0) == 0;
    });
    if (same > 0) model.name += fmt::format("-#{}", same + 1);
    models_.push_back(std::move(model));
  }
  seed_ = options().has("seed") ? static_cast<std::uint64_t>(options().integer("seed"))
                                : static_cast<std::uint64_t>(clock().steady_ns()) % 1'000'000'007;
}

Bench::~Bench() = default;

double Bench::number(std::string_view group, std::string_view name) const {
  return criteria_.number(profile(), group, name);
}

std::int64_t Bench::min_sample_ns() const { return std::llround(number("sample", "seconds") * 1e9); }

std::vector<Planned> Bench::plan() const {
  return perf::plan(table_, models_, rivals_, device_name_, options().has("baseline"));
}

const engine::Model& Bench::model(const Spec& spec) {
  auto& model = loaded_[spec.model];
  if (!model) {
    make_if_missing(models_[spec.model], progress());
    model = engine::load_model(models_[spec.model].path);
  }
  return *model;
}

const std::string& Bench::model_sha256(const Spec& spec) {
  std::string& hash = sha256_[spec.model];
  if (hash.empty()) {
    make_if_missing(models_[spec.model], progress());
    hash = harness::sha256_model(models_[spec.model].path);
  }
  return hash;
}

json::object Bench::models_note() const {
  json::object note;
  for (std::size_t i = 0; i < models_.size(); ++i) {
    json::object facts{{"path", models_[i].path.string()}, {"synthetic", !models_[i].preset.empty()}};
    if (const auto hash = sha256_.find(i); hash != sha256_.end()) facts["sha256"] = hash->second;
    if (const auto found = loaded_.find(i); found != loaded_.end() && found->second) {
      const engine::Model& model = *found->second;
      facts["file_bytes"] = model.source.file_bytes;
      facts["format"] = model.source.format;
      facts["architecture"] = model.config.architecture;
      facts["n_layer"] = model.config.n_layer;
      facts["n_embd"] = model.config.n_embd;
      facts["n_vocab"] = model.config.n_vocab;
      facts["n_ctx"] = model.config.n_ctx;
      facts["weights_type"] = model.layers.front().q.format->name;
      facts["output_type"] = model.output.format->name;
      std::int64_t parameters = 0;
      for (const engine::Matrix* matrix : model.matrices()) parameters += matrix->rows * matrix->cols;
      facts["n_params"] = parameters;
    }
    note[models_[i].name] = std::move(facts);
  }
  return note;
}

/// The longest sequence of any case of the model, so that it is loaded once.
std::int32_t Bench::context_needed(std::size_t model) const {
  std::int32_t needed = 0;
  for (const Planned& planned : plan()) {
    if (planned.spec.kind == Kind::baseline || planned.spec.model != model) continue;
    const Spec& spec = planned.spec;
    needed = std::max({needed, spec.prompt + 1, std::max(spec.depth, 1) + spec.decode_tokens + 1});
  }
  const auto check = static_cast<std::int32_t>(number("sample", "check_tokens")) + 8;
  return std::min(models_[model].n_ctx, (std::max(needed, check) + 255) / 256 * 256);
}

harness::SubjectSettings Bench::settings(const Spec& spec) {
  make_if_missing(models_[spec.model], progress());
  harness::SubjectSettings settings;
  settings.model = models_[spec.model].path;
  settings.device = options().text("device");
  settings.kernel = options().text("kernel");
  settings.threads = spec.threads;
  settings.n_ctx = context_needed(spec.model);
  settings.n_ubatch = spec.ubatch;
  settings.numerics = engine::numerics_from(options().text("numerics"));
  settings.cancelled = context_.cancelled;
  settings.api_key_file = options().text("api-key-file");
  return settings;
}

std::unique_ptr<harness::Subject> Bench::open_engine(const Spec& spec) {
  return find_subject(context_.subjects, "engine").open(settings(spec));
}

harness::Subject& Bench::engine(const Spec& spec) {
  const std::string key = fmt::format("{} {} {}", spec.model, spec.threads, spec.ubatch);
  if (!engine_ || engine_key_ != key) {
    release_engine();
    engine_ = open_engine(spec);
    engine_key_ = key;
  }
  return *engine_;
}

void Bench::release_engine() noexcept { engine_.reset(); }

std::unique_ptr<harness::Subject> Bench::open_candidate(const Spec& spec) {
  harness::SubjectSettings wanted = settings(spec);
  const std::string named = options().text("candidate");
  wanted.address = named.empty() ? harness::executable_path().string() : named;
  return find_subject(context_.subjects, "previous_build").open(wanted);
}

std::unique_ptr<harness::Subject> Bench::open_rival(const Spec& spec) {
  harness::SubjectSettings wanted = settings(spec);
  wanted.address = rivals_[spec.rival].address;
  return find_subject(context_.subjects, rivals_[spec.rival].subject).open(wanted);
}

harness::BandwidthProbe& Bench::probe(double bytes, int threads) {
  constexpr double kChunk = 65536;
  const bool same =
      probe_ && probe_threads_ == threads &&
      std::abs(static_cast<double>(probe_->working_set_bytes()) - bytes) <= std::max(kChunk, 0.02 * bytes);
  if (!same) {
    probe_.reset();
    probe_ = std::make_unique<harness::BandwidthProbe>(static_cast<std::uint64_t>(bytes), threads);
    probe_threads_ = threads;
  }
  return *probe_;
}

void Bench::stop_if_cancelled() const {
  if (context_.cancelled && context_.cancelled()) fail(ErrorKind::setup, "the run was asked to end");
}

}  // namespace bh::suites::perf
