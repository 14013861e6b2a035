#include "suites/subjects/previous_build.h"

#include "engine/base/error.h"
#include "suites/subjects/worker_subject.h"

namespace bh::suites {

std::unique_ptr<harness::Subject> open_previous_build(const harness::SubjectSettings& settings) {
  if (settings.address.empty()) {
    fail(ErrorKind::usage, "previous_build needs the path of a bitharness binary: --subject-address PATH");
  }
  harness::Command command{settings.address, {"worker"}, {}};
  const auto add = [&](const char* option, std::string value) {
    command.arguments.insert(command.arguments.end(), {option, std::move(value)});
  };
  if (!settings.model.empty()) add("-m", settings.model.string());
  if (settings.threads > 0) add("-t", std::to_string(settings.threads));
  if (settings.n_ctx > 0) add("-c", std::to_string(settings.n_ctx));
  add("-ub", std::to_string(settings.n_ubatch));
  if (settings.device != "auto") add("--device", settings.device);
  if (!settings.kernel.empty()) add("--kernel", settings.kernel);
  if (!settings.pre_tokenizer.empty()) add("--pre", settings.pre_tokenizer);
  if (settings.numerics != engine::Numerics::one_answer) add("--numerics", std::string(to_string(settings.numerics)));
  return std::make_unique<WorkerSubject>("previous_build", command, settings);
}

}  // namespace bh::suites
