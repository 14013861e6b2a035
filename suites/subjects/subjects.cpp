#include "suites/subjects/subjects.h"

#include <array>

#include "engine/base/error.h"
#include "suites/subjects/engine_subject.h"
#include "suites/subjects/mock_subject.h"

namespace bh::suites {

namespace {
constexpr std::array kSubjects = {
    harness::SubjectRow{"engine", "bitharness's own engine on a real model", false, open_engine_subject},
    harness::SubjectRow{"mock", "no model at all: fixed answers, for testing the harness", true, open_mock_subject},
};
}  // namespace

std::span<const harness::SubjectRow> subjects() noexcept { return kSubjects; }

const harness::SubjectRow& find_subject(std::span<const harness::SubjectRow> rows, std::string_view name) {
  std::string known;
  for (const harness::SubjectRow& row : rows) {
    if (row.name == name) return row;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  fail(ErrorKind::usage, "'{}' is no subject; there are {}", name, known);
}

}  // namespace bh::suites
