#include "harness/judge/recorded.h"

#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;

namespace {

std::string refusal(const std::filesystem::path& folder) {
  try {
    static_cast<void>(read_recorded(folder));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    return error.what();
  }
  return "";
}

void copy_reference(const std::filesystem::path& to) {
  std::filesystem::copy(test::shipped_model() / "reference", to / "reference");
  std::filesystem::copy(test::shipped_model() / "heldout.txt", to / "heldout.txt");
}

}  // namespace

TEST_CASE("The shipped model's recorded reference is read whole") {
  const auto recorded = read_recorded(test::shipped_model() / "reference");
  REQUIRE(recorded);
  CHECK(recorded->reference_name() == "bitnet.cpp 6d113cd (recorded)");
  CHECK(recorded->model_sha256.size() == 64);
  REQUIRE(recorded->runs.size() == 6);
  for (const auto& run : recorded->runs) {
    CHECK(run.n_vocab == 2048);
    CHECK(run.greedy_ids.size() == 32);
    CHECK(run.logits.size() == run.all_ids().size() * 2048);
    // The row after the last prompt position is the one the first greedy id was chosen from.
    const auto* row = run.logits.data() + (run.prompt_ids.size() - 1) * 2048;
    CHECK(std::max_element(row, row + 2048) - row == run.greedy_ids.front());
  }
  REQUIRE(recorded->perplexity);
  CHECK(recorded->perplexity->value == Approx(20.4682));
  CHECK(recorded->perplexity->chunks == 218);
  CHECK(std::filesystem::exists(recorded->perplexity->text_file));
}

TEST_CASE("A folder without a provenance is no reference") {
  const test::TempFolder folder;
  CHECK_FALSE(read_recorded(folder.path()));
  CHECK_FALSE(read_recorded(folder / "missing"));
}

TEST_CASE("A recorded reference that is cut, incomplete or foreign is refused") {
  const test::TempFolder folder;
  copy_reference(folder.path());
  const auto reference = folder / "reference";
  SECTION("logits cut") {
    std::filesystem::resize_file(reference / "kjv-3m-i2_s.p1.batch.f32", 4096);
    CHECK_THAT(refusal(reference), Catch::Contains("p1.batch.f32 has 4096 bytes"));
  }
  SECTION("a run is missing") {
    std::filesystem::remove(reference / "kjv-3m-i2_s.p2.single.json");
    CHECK_THAT(refusal(reference), Catch::Contains("p2.single.json"));
  }
  SECTION("ids outside the vocabulary") {
    std::ofstream(reference / "kjv-3m-i2_s.p0.batch.json")
        << R"({"prompt": "x", "n_vocab": 4, "prompt_ids": [4], "greedy_ids": []})";
    CHECK_THAT(refusal(reference), Catch::Contains("no id of the vocabulary"));
  }
  SECTION("numbers without end in a perplexity") {
    const std::size_t digits = GENERATE(std::size_t{400}, std::size_t{60000});
    std::ofstream(reference / "kjv-3m-i2_s.perplexity.txt")
        << "perplexity over 218 chunks\nFinal estimate: PPL = " << std::string(digits, '9') << ".5 +/- 0.3\n";
    CHECK_THAT(refusal(reference), Catch::Contains("holds no final estimate"));
  }
  SECTION("another schema") {
    std::ofstream(reference / "provenance.json") << R"({"schema": "other/1"})";
    CHECK_THAT(refusal(reference), Catch::Contains("other/1"));
  }
}
