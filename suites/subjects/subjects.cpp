#include "suites/subjects/subjects.h"

#include <array>

#include "engine/base/error.h"
#include "suites/subjects/bitnet_cpp.h"
#include "suites/subjects/engine_subject.h"
#include "suites/subjects/http_subject.h"
#include "suites/subjects/mock_subject.h"
#include "suites/subjects/previous_build.h"

namespace bh::suites {

namespace {
constexpr std::array kSubjects = {
    harness::SubjectRow{"engine", "bitharness's own engine on a real model", false, open_engine_subject},
    harness::SubjectRow{"mock", "no model at all: fixed answers, for testing the harness", true, open_mock_subject},
    harness::SubjectRow{"bitnet_cpp", "bitnet.cpp, through our adapter or its own llama-server", false,
                        open_bitnet_cpp},
    harness::SubjectRow{"http", "a server that speaks llama-server's or OpenAI's completion API", false,
                        open_http_subject},
    harness::SubjectRow{"previous_build", "another build of bitharness, through its command 'worker'", false,
                        open_previous_build},
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
