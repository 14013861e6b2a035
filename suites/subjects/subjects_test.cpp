#include "suites/subjects/subjects.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/runtime/sampler.h"
#include "suites/subjects/engine_subject.h"
#include "suites/subjects/mock_subject.h"
#include "suites/subjects/subject_options.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh;
using namespace bh::suites;

namespace {

std::unique_ptr<harness::Subject> open(std::string_view name) {
  harness::SubjectSettings settings;
  settings.model = test::shipped_model() / "kjv-3m-i2_s.gguf";
  settings.threads = 1;
  return find_subject(subjects(), name).open(settings);
}

}  // namespace

TEST_CASE("every subject tokenizes, scores and generates what fits together, twice alike") {
  for (const harness::SubjectRow& row : subjects()) {
    if (is_elsewhere(row.name)) continue;
    CAPTURE(row.name);
    const auto subject = open(row.name);
    const auto ids = subject->tokenize("In the beginning", {});
    REQUIRE_FALSE(ids.empty());
    CHECK(subject->detokenize(ids).find("In the beginning") != std::string::npos);
    const auto info = subject->describe();
    CHECK(info.name == row.name);
    CHECK(info.mock == row.mock);
    const auto logits = subject->logits(ids);
    REQUIRE(logits.size() == ids.size() * static_cast<std::size_t>(info.n_vocab));
    engine::GenerateOptions options;
    options.max_tokens = 8;
    options.sampling.temperature = 0;
    const auto first = subject->generate(ids, options);
    const auto second = subject->generate(ids, options);
    CHECK(first.ids == second.ids);
    CHECK(first.text == second.text);
    REQUIRE_FALSE(first.ids.empty());
    // The first greedy token is the maximum of the last position's logits.
    const auto last = std::span(logits).last(static_cast<std::size_t>(info.n_vocab));
    CHECK(first.ids.front() == engine::argmax(last));
    CHECK_FALSE(subject->describe().kernels.empty());
  }
}

TEST_CASE("a mock says so, and no kernel of it can be taken for a real one") {
  const auto subject = open("mock");
  subject->logits(subject->tokenize("abc", {}));
  const auto info = to_json(subject->describe());
  CHECK(info.at("mock").as_bool());
  CHECK(info.at("kernels").at(0).at("name") == "mock");
}

TEST_CASE("the mock keeps to its context and to its vocabulary") {
  harness::SubjectSettings settings;
  settings.n_ctx = 4;
  MockSubject mock(settings);
  const auto ids = mock.tokenize("abc", {});
  const auto generation = mock.generate(ids, {});
  CHECK(generation.text == "a");
  CHECK(generation.stop_reason == engine::StopReason::context_full);
  CHECK_THROWS_AS(mock.logits(std::vector<engine::TokenId>(5, 1)), Error);
  CHECK_THROWS_AS(mock.detokenize(std::vector<engine::TokenId>{999}), Error);
}

TEST_CASE("an unknown subject is refused with the names there are") {
  CHECK_THROWS_WITH(find_subject(subjects(), "oracle"), Catch::Contains("engine, mock"));
}

TEST_CASE("the engine's timed decoding is its greedy text, with and without the prompt in its cache") {
  const auto subject = open("engine");
  const auto prompt = subject->tokenize("In the beginning God created", {});
  engine::GenerateOptions greedy;
  greedy.max_tokens = 12;
  greedy.ignore_eog = true;
  greedy.sampling.temperature = 0;
  const auto expected = subject->generate(prompt, greedy);
  const auto cold = subject->time({prompt, 12, true});
  const auto warm = subject->time({prompt, 12, true});
  CHECK(cold.ids == expected.ids);
  CHECK(warm.ids == expected.ids);
  CHECK(cold.prefill_ns > 0);
  CHECK(warm.prefill_ns == 0);
  CHECK(warm.step_ns.size() == 11);
  subject->logits(prompt);
  CHECK(subject->time({prompt, 1, true}).prefill_ns > 0);
}
