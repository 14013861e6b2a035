// `bitharness signoff` and `doctor` on the built binary: a part of a suite never signs anything off.
#include <filesystem>
#include <fstream>

#include "engine/base/json.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;

TEST_CASE("signoff leaves a verdict and evidence per stage, signs receipts, and passes no part for the whole") {
  const TempFolder folder;
  const std::string out = (folder / "out").string(), config = (folder / "config").string();
  std::ofstream file(config);
  for (const char* suite : {"acceptance", "parity", "crossval", "perf"}) {
    // Only acceptance runs a case: the others are found to have none of that name.
    if (bitharness({suite, "--help"}).code == 0) file << "[" << suite << "]\nfilter = ac3/\n";
  }
  file.close();
  REQUIRE(bitharness({"keygen", "-o", folder.path().string()}).code == 0);
  const Finished run =
      bitharness({"signoff", "-o", out, "--config", config, "--sign", (folder / "bitharness.key").string()});
  CAPTURE(run.out, run.err);
  CHECK(run.code != 0);
  const json::value document = read_json_file(out + "/signoff.json");
  CHECK(JsonSchema(read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/signoff.schema.json"))
            .fault(document)
            .empty());
  CHECK(document.at("exit_code").to_number<int>() == run.code);
  CHECK(document.at("stages").as_array().size() == 8);
  for (const json::value& stage : document.at("stages").as_array()) {
    CAPTURE(write_json_line(stage));
    const std::string name(stage.at("name").as_string());
    if (name == "acceptance") {
      CHECK(stage.at("verdict") == "inconclusive");
      CHECK_THAT(write_json_line(stage), Contains("--filter"));
    }
    if (name == "parity" || name == "crossval" || name == "perf") CHECK(stage.at("verdict") == "inconclusive");
    if (name == "documents" || name == "receipts") CHECK(stage.at("verdict") == "passed");
  }
  CHECK(bitharness({"verify", out + "/acceptance", "--key", (folder / "bitharness.pub").string()}).code == 0);
  CHECK(bitharness({"signoff", "-o", out, "--waivers", config}).code == 4);
}

TEST_CASE("doctor tells what it found, and fails where nothing can be written") {
  const Finished run = bitharness({"doctor", "--json"});
  CHECK(run.code == 0);
  const json::value document = parse_json(run.out, "stdout");
  CHECK(document.at("checks").as_array().size() == 6);
  const Finished nowhere = bitharness({"doctor", "-o", "/proc/nowhere"});
  CHECK(nowhere.code == 1);
  CHECK_THAT(nowhere.out, Contains("cannot write"));
}
