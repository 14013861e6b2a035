#include "harness/core/subject.h"

namespace bh::harness {

std::string_view to_string(SubjectFault fault) noexcept {
  switch (fault) {
    case SubjectFault::not_started:
      return "not_started";
    case SubjectFault::crashed:
      return "crashed";
    case SubjectFault::ended:
      return "ended";
    case SubjectFault::hung:
      return "hung";
    case SubjectFault::garbage:
      return "garbage";
    case SubjectFault::flooded:
      return "flooded";
    case SubjectFault::wrong_version:
      return "wrong_version";
    case SubjectFault::refused:
      return "refused";
  }
  return "unknown";
}

std::string_view to_string(Ability ability) noexcept {
  switch (ability) {
    case Ability::tokenize:
      return "tokenize";
    case Ability::logits:
      return "logits";
    case Ability::generate:
      return "generate";
    case Ability::sample:
      return "sample";
    case Ability::trace:
      return "trace";
    case Ability::timing:
      return "timing";
  }
  return "unknown";
}

json::object to_json(const SubjectInfo& info) {
  json::array kernels;
  for (const auto& kernel : info.kernels) {
    kernels.push_back(json::object{{"name", kernel.name}, {"count", kernel.count}});
  }
  return json::object{{"name", info.name},       {"mock", info.mock},         {"version", info.version},
                      {"backend", info.backend}, {"numerics", info.numerics}, {"model_path", info.model_path.string()},
                      {"n_vocab", info.n_vocab}, {"n_ctx", info.n_ctx},       {"kernels", std::move(kernels)},
                      {"facts", info.facts}};
}

}  // namespace bh::harness
