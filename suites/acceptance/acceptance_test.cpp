// The cases judged with evidence that is wrong, missing or made by a mock: none of it may pass.
#include "suites/acceptance/acceptance.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"
#include "harness/measure/clock.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/pipeline.h"
#include "suites/acceptance/planted_defects.h"
#include "suites/acceptance/refused_models.h"
#include "suites/subjects/mock_subject.h"
#include "suites/subjects/subjects.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::suites::acceptance;
using harness::Result;
using harness::Verdict;
namespace fs = std::filesystem;

namespace {

using Values = std::map<std::string, std::string>;

/// A suite in a world of the test's making.
struct World {
  harness::Options options;
  std::unique_ptr<Workbench> bench;

  explicit World(std::map<std::string, std::string> values,
                 std::span<const harness::SubjectRow> subjects = suites::subjects())
      : options(harness::Options::of(option_rows(), with_threads(std::move(values)))) {
    bench = std::make_unique<Workbench>(harness::SuiteContext{&options, subjects, harness::system_clock(), {}, {}});
  }
  Verdict judged(Result (*run)(Workbench&), const std::string& id) { return bench->judged(run(*bench), id); }

  static std::map<std::string, std::string> with_threads(std::map<std::string, std::string> values) {
    values.emplace("threads", "1");
    return values;
  }
};

fs::path shipped_gguf() { return test::shipped_model() / "kjv-3m-i2_s.gguf"; }

/// The shipped model in a folder of its own, with nothing recorded beside it.
fs::path lonely_model(const test::TempFolder& folder) {
  fs::copy_file(shipped_gguf(), folder / "model.gguf");
  return folder / "model.gguf";
}

/// A mock under another name, that claims what it is told.
class ClaimingSubject final : public harness::Subject {
 public:
  ClaimingSubject(std::string name, bool mock) : name_(std::move(name)), mock_(mock) {}
  harness::SubjectInfo describe() const override {
    harness::SubjectInfo info = inner_.describe();
    info.name = name_;
    info.mock = mock_;
    return info;
  }
  std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override {
    return inner_.tokenize(text, options);
  }
  std::string detokenize(std::span<const engine::TokenId> ids) override { return inner_.detokenize(ids); }
  std::vector<float> logits(std::span<const engine::TokenId> ids) override { return inner_.logits(ids); }
  engine::Generation generate(std::span<const engine::TokenId> prompt,
                              const engine::GenerateOptions& options) override {
    return inner_.generate(prompt, options);
  }
  void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) override { inner_.trace(ids, tap); }
  harness::Timing time(const harness::TimingRequest& request) override { return inner_.time(request); }

 private:
  suites::MockSubject inner_{{}};
  std::string name_;
  bool mock_;
};

}  // namespace

TEST_CASE("A mock behind the engine's name is not taken for real") {
  const harness::SubjectRow rows[] = {
      {"engine", "a mock in disguise", false,
       [](const harness::SubjectSettings&) -> std::unique_ptr<harness::Subject> {
         return std::make_unique<ClaimingSubject>("engine", false);
       }},
      {"mock", "a mock that does not say so", true,
       [](const harness::SubjectSettings&) -> std::unique_ptr<harness::Subject> {
         return std::make_unique<ClaimingSubject>("engine", false);
       }},
  };
  World world(Values{{"model", shipped_gguf().string()}}, rows);
  CHECK(world.judged(check_real_subject, "acceptance/ac2/real-is-real") == Verdict::failed);
  CHECK(world.judged(check_mock_subject, "acceptance/ac2/mock-is-mock") == Verdict::failed);
}

TEST_CASE("The engine is real and the mock says that it is one") {
  World world(Values{{"model", shipped_gguf().string()}});
  CHECK(world.judged(check_real_subject, "acceptance/ac2/real-is-real") == Verdict::passed);
  CHECK(world.judged(check_mock_subject, "acceptance/ac2/mock-is-mock") == Verdict::passed);
}

TEST_CASE("A mock run needs permission, is named in the report and skips what needs a model") {
  CHECK_THROWS_AS(World(Values{{"subject", "mock"}}), Error);
  CHECK_THROWS_AS(World(Values{{"subject", "mock"}, {"allow-mock", "true"}, {"real-model", "true"}}), Error);
  const auto options = harness::Options::of(option_rows(), {{"subject", "mock"}, {"allow-mock", "true"}});
  const auto suite = make({&options, suites::subjects(), harness::system_clock(), {}, {}});
  harness::Report report;
  report.cases = suite->expand();
  report.expectations = suite->expectations();
  int skips = 0;
  for (const auto& item : report.cases) {
    if (item.id.find("/ac10/") != std::string::npos) continue;
    report.results.push_back(suite->run(item));
    skips += report.results.back().verdict == Verdict::skipped ? 1 : 0;
  }
  suite->describe(report);
  CHECK(skips > 15);
  CHECK(report.subject.at("mock").as_bool());
  CHECK(report.notes.at("compute_path").as_string() == "mock");
  const auto pipeline = std::find_if(report.results.begin(), report.results.end(),
                                     [](const Result& result) { return result.case_id == "acceptance/ac3/pipeline"; });
  REQUIRE(pipeline != report.results.end());
  REQUIRE(pipeline->violations.size() == 1);
  CHECK(pipeline->violations.front().type == "mock");
}

TEST_CASE("Without recorded evidence a criterion is skipped with a reason, never passed") {
  const test::TempFolder folder;
  World world(Values{{"model", lonely_model(folder).string()}});
  for (const auto run : {check_reference_prompts, check_reference_batch, check_reference_single, check_one_answer,
                         check_reference_greedy, check_recorded_text, check_sibling_folders}) {
    const Result result = run(*world.bench);
    CHECK(result.verdict == Verdict::skipped);
    CHECK_FALSE(result.reason.empty());
  }
}

TEST_CASE("Recordings of another model are no reference") {
  const test::TempFolder folder;
  lonely_model(folder);
  fs::copy(test::shipped_model() / "reference", folder / "reference");
  fs::copy_file(test::shipped_model() / "heldout.txt", folder / "heldout.txt");
  std::fstream file(folder / "model.gguf", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);  // the last byte of padding behind the last tensor, or of that tensor
  file.put('\x01');
  file.close();
  World world(Values{{"model", (folder / "model.gguf").string()}});
  CHECK(check_reference_prompts(*world.bench).verdict == Verdict::skipped);
}

TEST_CASE("A wrong hash beside the model fails, a missing one is skipped") {
  const test::TempFolder folder;
  lonely_model(folder);
  World unknown(Values{{"model", (folder / "model.gguf").string()}});
  CHECK(check_hash(*unknown.bench).verdict == Verdict::skipped);
  std::ofstream(folder / "SHA256SUMS") << std::string(64, '0') << "  model.gguf\n";
  World wrong(Values{{"model", (folder / "model.gguf").string()}});
  CHECK(wrong.judged(check_hash, "acceptance/ac1/hash") == Verdict::failed);
  World right(Values{{"model", shipped_gguf().string()}});
  CHECK(right.judged(check_hash, "acceptance/ac1/hash") == Verdict::passed);
}

TEST_CASE("Of a folder every file that is listed is compared") {
  const test::TempFolder folder;
  fs::copy(test::shipped_model() / "packed", folder / "packed");
  fs::copy_file(test::shipped_model() / "SHA256SUMS", folder / "SHA256SUMS");
  const auto verdict = [&] {
    return World(Values{{"model", (folder / "packed").string()}}).judged(check_hash, "acceptance/ac1/hash");
  };
  CHECK(verdict() == Verdict::passed);
  std::ofstream(folder / "packed/config.json", std::ios::app) << "\n";
  CHECK(verdict() == Verdict::failed);
}

TEST_CASE("Prompt ids and logits that are not the recorded ones fail") {
  const test::TempFolder folder;
  lonely_model(folder);
  fs::copy(test::shipped_model() / "reference", folder / "reference");
  fs::copy_file(test::shipped_model() / "heldout.txt", folder / "heldout.txt");
  const fs::path ids = folder / "reference/kjv-3m-i2_s.p1.batch.json";
  std::ifstream in(ids);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string before = "\"prompt_ids\": [2044, 296";
  REQUIRE(text.find(before) != std::string::npos);
  text.replace(text.find(before), before.size(), "\"prompt_ids\": [2044, 297");
  std::ofstream(ids) << text;
  World world(Values{{"model", (folder / "model.gguf").string()}});
  CHECK(world.judged(check_reference_prompts, "acceptance/ac5/reference-prompts") == Verdict::failed);
  // Another second token: other logits behind it, other text.
  CHECK(world.judged(check_reference_batch, "acceptance/ac7/reference-batch") == Verdict::failed);
  CHECK(world.judged(check_reference_greedy, "acceptance/ac7/greedy") == Verdict::failed);
  CHECK(world.judged(check_reference_single, "acceptance/ac7/reference-single") == Verdict::passed);
}

TEST_CASE("Perplexity is held against the text that was recorded, and only against that") {
  const test::TempFolder folder;
  lonely_model(folder);
  fs::copy(test::shipped_model() / "reference", folder / "reference");
  World without(Values{{"model", (folder / "model.gguf").string()}});
  const Result skipped = check_recorded_perplexity(*without.bench);  // the shipped heldout.txt is not what was recorded
  CHECK(skipped.verdict == Verdict::skipped);
  CHECK_THAT(skipped.reason, Catch::Contains((folder / "heldout.txt").string()));
}

TEST_CASE("Products that are not finite fail") {
  const test::TempFolder folder;
  const fs::path path = lonely_model(folder);
  const auto verdict = [&] {
    return World(Values{{"model", path.string()}}).judged(check_products, "acceptance/ac8/products");
  };
  CHECK(verdict() == Verdict::passed);
  const auto file = engine::GgufFile::open(path);
  const auto* norm = file.find_tensor("blk.0.attn_sub_norm.weight");
  REQUIRE(norm != nullptr);
  const std::vector<float> huge(norm->bytes.size() / sizeof(float), 3e38f);  // finite, but what it multiplies is not
  std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(file.data_start() + norm->offset));
  out.write(reinterpret_cast<const char*>(huge.data()), static_cast<std::streamsize>(norm->bytes.size()));
  out.close();
  CHECK(verdict() == Verdict::failed);
}

TEST_CASE("A zeroed layer is zero, its neighbours and the original are as they were") {
  const auto model = engine::load_model(shipped_gguf());
  const auto damaged = with_zeroed_layer(model, 2);
  std::vector<float> row(static_cast<std::size_t>(model->config.n_ff));
  const auto all_zero = [&](const engine::Matrix& matrix) {
    bool zero = true;
    for (std::int64_t r = 0; r < matrix.rows; ++r) {
      const auto values = std::span(row).first(static_cast<std::size_t>(matrix.cols));
      matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, r, values);
      zero = zero && std::all_of(values.begin(), values.end(), [](float value) { return value == 0.0f; });
    }
    return zero;
  };
  for (const auto* matrix : {&damaged->layers[2].q, &damaged->layers[2].down}) CHECK(all_zero(*matrix));
  for (const auto* matrix : {&damaged->layers[1].q, &model->layers[2].q, &model->layers[2].down}) {
    CHECK_FALSE(all_zero(*matrix));
  }
  CHECK(damaged->layers[1].q.bytes.data() == model->layers[1].q.bytes.data());
}

TEST_CASE("The zeroed layers of the shipped model are found out") {
  World world(Values{{"model", shipped_gguf().string()}});
  const Result result = check_zeroed_layer(*world.bench);
  CHECK(*result.find_metric("seen_share")->value == 1);
  CHECK(*result.find_metric("seen_by_text_share")->value == 1);
  CHECK(*result.find_metric("seen_by_samples_share")->value >= 0.25);
}

TEST_CASE("A file whose fault is not its weight type does not count as a refusal of the type") {
  const Refusal refusal = try_to_load({0, "F32"}, harness::system_clock());  // F32 itself is supported
  CHECK(refusal.refused);
  CHECK_FALSE(refusal.names_type);
  CHECK(try_to_load({35, "TQ2_0"}, harness::system_clock()).names_type);
}
