#include "suites/crossval/lane.h"

#include <algorithm>

#include "harness/io/model_locator.h"
#include "suites/crossval/bench.h"
#include "suites/subjects/subjects.h"

namespace bh::suites::crossval {

using engine::Numerics;
using engine::TokenId;
using harness::Ability;
using harness::SubjectFault;

namespace {

/// The subject that an address belongs to.
std::string_view subject_name(const std::string& address) {
  return address.rfind("http://", 0) == 0 || address.rfind("https://", 0) == 0 ? "http" : "bitnet_cpp";
}

/// Beside the model, then beside the shipped one: the recording of the model with this hash.
std::optional<harness::Recorded> find_recorded(const std::filesystem::path& model, const std::string& sha256) {
  const auto path = std::filesystem::absolute(model).lexically_normal();
  std::vector<std::filesystem::path> folders = {path, path.parent_path()};
  if (const auto shipped = harness::find_shipped_model(harness::executable_path())) folders.push_back(shipped->folder);
  for (const auto& folder : folders) {
    auto read = harness::read_recorded(folder / "reference");
    if (read && read->model_sha256 == sha256) return read;
  }
  return std::nullopt;
}

/// No use to ask such a reference again: it would cost its time limit anew, or say the same.
bool is_final(SubjectFault fault) {
  return fault == SubjectFault::not_started || fault == SubjectFault::hung || fault == SubjectFault::wrong_version ||
         fault == SubjectFault::refused;
}

}  // namespace

Lane::Lane(Bench& bench, std::string label, std::string address)
    : bench_(bench), label_(std::move(label)), address_(std::move(address)) {}

/// Runs something that asks the live reference; what goes wrong there becomes the lane's fault.
template <class Work>
auto Lane::guarded(const Work& work) {
  if (closed_) throw LaneError({fault_->outcome, fault_->reason, true});
  try {
    return work();
  } catch (const harness::SubjectError& error) {
    const bool starting = !batch_ && !single_;
    const Fault fault{std::string(to_string(error.fault)), error.what()};
    if (!fault_) fault_ = fault;
    closed_ = starting || is_final(error.fault);
    batch_.reset();
    single_.reset();
    throw LaneError(fault);
  }
}

harness::Subject& Lane::subject(Numerics mode) {
  auto& kept = mode == Numerics::reference_single ? single_ : batch_;
  if (kept) return *kept;
  const harness::Options& options = bench_.options();
  harness::SubjectSettings settings;
  settings.model = std::filesystem::absolute(bench_.model_path());
  settings.address = address_;
  settings.numerics = mode;
  settings.threads = static_cast<int>(options.integer_or("threads", 1));
  settings.time_limit = std::chrono::seconds(options.integer("time-limit"));
  settings.cancelled = bench_.context().cancelled;
  const harness::SubjectRow& row = find_subject(bench_.context().subjects, subject_name(address_));
  bench_.progress(fmt::format("starting the reference {} ({})", address_, to_string(mode)));
  kept = row.open(settings);
  return *kept;
}

void Lane::need(Ability ability) {
  const std::string why_not = subject(Numerics::reference_batch).why_not(ability);
  if (!why_not.empty()) throw LaneError({"cannot", why_not});
}

harness::SubjectInfo Lane::describe() {
  return guarded([&] { return subject(Numerics::reference_batch).describe(); });
}

std::vector<std::string> Lane::cannot() {
  return guarded([&] {
    std::vector<std::string> reasons;
    for (const Ability ability : {Ability::tokenize, Ability::logits, Ability::generate, Ability::trace}) {
      std::string why_not = subject(Numerics::reference_batch).why_not(ability);
      if (!why_not.empty()) reasons.push_back(std::move(why_not));
    }
    return reasons;
  });
}

const harness::Recorded& Lane::recorded() {
  if (!looked_) recorded_ = find_recorded(bench_.model_path(), bench_.model_sha256());
  looked_ = true;
  if (!recorded_) {
    throw LaneError(
        {"missing", fmt::format("no live reference was named (--reference) and none is recorded for the model "
                                "with SHA-256 {}",
                                bench_.model_sha256())});
  }
  return *recorded_;
}

std::string Lane::name() {
  if (!live()) return recorded().reference_name();
  const harness::SubjectInfo info = describe();
  return fmt::format("{} {} ({})", info.name, info.version.empty() ? "of unknown version" : info.version, address_);
}

std::vector<TokenId> Lane::tokenize(const std::string& text) {
  return guarded([&] {
    need(Ability::tokenize);
    return subject(Numerics::reference_batch).tokenize(text, {});
  });
}

const std::vector<Evidence>& Lane::evidence(Numerics mode) {
  auto& kept = mode == Numerics::reference_single ? single_evidence_ : batch_evidence_;
  if (!kept) kept = live() ? gather(mode) : gather_recorded(mode);
  if (kept->empty()) throw LaneError({"missing", fmt::format("nothing was recorded in mode {}", to_string(mode))});
  return *kept;
}

std::vector<Evidence> Lane::gather_recorded(Numerics mode) {
  std::vector<Evidence> all;
  for (const harness::RecordedRun& run : recorded().runs) {
    if (run.numerics == mode) all.push_back({run, run.prompt_ids.size(), true});
  }
  return all;
}

std::vector<Evidence> Lane::gather(Numerics mode) {
  std::vector<Evidence> all;
  const std::vector<std::string> prompts = bench_.prompts();
  // Both modes walk one path, that of the text the reference writes by itself.
  const std::vector<Evidence>* path =
      mode == Numerics::reference_single ? &evidence(Numerics::reference_batch) : nullptr;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    bench_.progress(fmt::format("lane {}: prompt {} of {}, {}", label_, i + 1, prompts.size(), to_string(mode)));
    all.push_back(guarded([&] {
      need(Ability::logits);
      Evidence evidence;
      harness::RecordedRun& run = evidence.run;
      run.name = fmt::format("p{}", i);
      run.numerics = mode;
      run.prompt = prompts[i];
      evidence.own_greedy = path == nullptr;
      if (path != nullptr) {
        run.prompt_ids = (*path)[i].run.prompt_ids;
        run.greedy_ids = (*path)[i].run.greedy_ids;
      } else {
        need(Ability::generate);
        run.prompt_ids = subject(mode).tokenize(prompts[i], {});
        if (run.prompt_ids.empty()) throw LaneError({"cannot", "the reference makes no token of a prompt"});
        engine::GenerateOptions greedy;
        greedy.max_tokens = bench_.greedy_tokens();
        greedy.ignore_eog = true;
        greedy.sampling.temperature = 0;
        run.greedy_ids = subject(mode).generate(run.prompt_ids, greedy).ids;
        if (static_cast<std::int64_t>(run.greedy_ids.size()) != greedy.max_tokens) {
          throw harness::SubjectError(harness::SubjectFault::garbage,
                                      fmt::format("the reference wrote {} tokens where {} were asked for",
                                                  run.greedy_ids.size(), greedy.max_tokens));
        }
      }
      const std::vector<TokenId> ids = run.all_ids();
      evidence.together = ids.size();
      run.logits = subject(mode).logits(ids);
      run.n_vocab = static_cast<std::int64_t>(run.logits.size() / ids.size());
      return evidence;
    }));
  }
  return all;
}

std::vector<float> Lane::logits(const std::vector<TokenId>& ids) {
  return guarded([&] {
    need(Ability::logits);
    return subject(Numerics::reference_batch).logits(ids);
  });
}

Trace Lane::trace(const std::vector<TokenId>& ids, Numerics mode) {
  if (!live())
    throw LaneError({"missing", "intermediate results were not recorded: they need a live reference (--reference)"});
  return guarded([&] {
    need(Ability::trace);
    Trace trace;
    subject(mode).trace(ids, [&](std::string_view point, int layer, std::span<const float> values, std::int64_t dim) {
      trace.add(point, layer, values, dim);
    });
    return trace;
  });
}

}  // namespace bh::suites::crossval
