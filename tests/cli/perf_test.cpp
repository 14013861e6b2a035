// `bitharness perf`, `kernels`, `compare` and `baseline` as users run them: the two gates of a release, each with an
// exit 0 and an exit 1, and what is refused. A loaded machine may leave a timing inconclusive (exit 3), never wrong.
#include <filesystem>

#include "engine/base/json.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

/// A few short cases of the shipped model on one thread.
std::vector<std::string> short_perf(std::vector<std::string> more) {
  std::vector<std::string> args = {"perf", "-m", "shipped", "-t", "1", "--prompt-lengths", "32", "-n", "16"};
  args.insert(args.end(), {"--rounds", "5", "-q"});
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

Finished run(const Start& start) { return Process(start).finish("", 300); }

std::string slow_worker() { return (fs::path(bh::test::kBinary).parent_path() / "tests" / "slow_worker").string(); }

bool green_or_noisy(int code) { return code == 0 || code == 3; }

json::value read_json(const fs::path& path) { return read_json_file(path.string()); }

const json::object& result_of(const json::value& report, std::string_view part) {
  for (const json::value& result : report.at("results").as_array()) {
    if (std::string_view(result.at("case_id").as_string()).find(part) != std::string_view::npos) {
      return result.as_object();
    }
  }
  FAIL("no case with " << part);
  throw std::logic_error("not reached");
}

const json::object& metric_of(const json::object& result, std::string_view name) {
  for (const json::value& metric : result.at("metrics").as_array()) {
    if (metric.at("name").as_string() == name) return metric.as_object();
  }
  FAIL("no metric " << name);
  throw std::logic_error("not reached");
}

/// The record with every metric of that name, value and samples, multiplied.
void scale(json::value& report, std::string_view name, double by) {
  for (json::value& result : report.at("results").as_array()) {
    for (json::value& metric : result.at("metrics").as_array()) {
      if (metric.at("name").as_string() != name) continue;
      metric.at("value") = metric.at("value").to_number<double>() * by;
      for (json::value& sample : metric.at("samples").as_array()) sample = sample.to_number<double>() * by;
    }
  }
}

}  // namespace

TEST_CASE("perf measures the shipped model, and its record says what was measured with what", "[timing]") {
  const TempFolder folder;
  const Finished done = bitharness(short_perf({"-o", (folder / "out").string()}));
  CAPTURE(done.out, done.err);
  CHECK(green_or_noisy(done.code));
  const json::value report = read_json(folder / "out/run.json");
  CHECK(report.at("notes").at("machine_class").as_string().size() > 0);
  const json::value& model = report.at("notes").at("models").as_object().begin()->value();
  if (kSanitized) return;
  CHECK(model.at("sha256").as_string().size() == 64);
  const json::object& decode = result_of(report, "perf/decode/kjv-3m-i2_s/");
  CHECK(decode.at("details").at("tokens_hash").as_string().size() == 64);
  CHECK(metric_of(decode, "decode_tokens_per_second").at("samples").as_array().size() == 5);
  CHECK(metric_of(decode, "outputs_equal").at("value").to_number<double>() == 1);
  CHECK(metric_of(decode, "bandwidth_fraction").at("value").to_number<double>() > 0);
  const json::object& prefill = result_of(report, "perf/prefill/");
  const bool enough = metric_of(prefill, "first_token_ms").at("samples").as_array().size() >= 200;
  CHECK(metric_of(prefill, "first_token_p99_ms").at("value").is_null() == !enough);
  CHECK((metric_of(prefill, "first_token_p99_ms").at("note").as_string().size() > 0) == !enough);
  CHECK(metric_of(result_of(report, "perf/load/"), "load_ms").at("samples").as_array().size() == 3);
  // Noise may leave the run without a verdict; its answers can be had again all the same.
  const Finished verified = bitharness({"verify", (folder / "out").string(), "--replay"});
  CAPTURE(verified.out);
  CHECK_THAT(verified.out, Contains("the same tokens and logits"));
  CHECK(verified.code == (done.code == 0 ? 0 : 3));
}

TEST_CASE("perf decodes sequences together, each with the answer it has alone", "[timing]") {
  const TempFolder folder;
  const Finished done =
      bitharness(short_perf({"--sequences", "8", "--filter", "perf/together/*", "-o", (folder / "out").string()}));
  CAPTURE(done.out, done.err);
  CHECK(green_or_noisy(done.code));
  if (kSanitized) return;
  const json::value report = read_json(folder / "out/run.json");
  const json::object& together = result_of(report, "perf/together/kjv-3m-i2_s/");
  CHECK(metric_of(together, "outputs_equal").at("value").to_number<double>() == 1);
  if (done.code == 0) CHECK(metric_of(together, "together_ratio").at("value").to_number<double>() > 1);
  CHECK(metric_of(together, "together_ratio").at("samples").as_array().size() == 5);
  CHECK(together.at("details").at("numerics") == "one_answer");

  const Finished int8 = bitharness(short_perf({"--sequences", "2", "--numerics", "one_answer_kv_int8", "--filter",
                                               "perf/together/*", "-o", (folder / "int8").string()}));
  CHECK(green_or_noisy(int8.code));
  const json::value report8 = read_json(folder / "int8/run.json");
  CHECK(result_of(report8, "perf/together/kjv-3m-i2_s/").at("details").at("numerics") == "one_answer_kv_int8");
}

TEST_CASE("perf decodes with guesses, and the tokens are those of plain decoding", "[timing]") {
  if (kSanitized) return;
  const TempFolder folder;
  const Finished done = bitharness(
      short_perf({"--guesses", "100,0,lookup", "--filter", "perf/speculated/*", "-o", (folder / "out").string()}));
  CAPTURE(done.out, done.err);
  CHECK(green_or_noisy(done.code));
  const json::value report = read_json(folder / "out/run.json");
  const auto number = [&](const std::string& guesses, const std::string& metric) {
    return metric_of(result_of(report, "/" + guesses), metric).at("value").to_number<double>();
  };
  for (const char* const guesses : {"g100", "g0", "lookup"}) {
    CHECK(number(guesses, "outputs_equal") == 1);
    CHECK(number(guesses, "speculation_ratio") > 0.3);
  }
  CHECK(number("g100", "guesses_accepted") == 1);
  CHECK(number("g100", "tokens_per_step") > 1);
  CHECK(number("g0", "guesses_accepted") == 0);
  CHECK(number("g0", "tokens_per_step") == 1);
  CHECK(bitharness(short_perf({"--guesses", "60,,"})).code == 2);
}

TEST_CASE("the gate on a stored baseline: its own run passes, one that is twice as fast does not, none is inconclusive",
          "[timing]") {
  if (kSanitized) return;
  const TempFolder folder;
  const std::string baselines = (folder / "baselines").string();
  const std::string filter = "perf/decode/*";
  const auto promote = [&] {
    return green_or_noisy(
        bitharness(short_perf({"--promote", "--force", "--baselines", baselines, "--filter", filter})).code);
  };
  REQUIRE(promote());
  const Finished list = bitharness({"baseline", "list", "--baselines", baselines, "--json"});
  REQUIRE(list.code == 0);
  const json::value found = parse_json(list.out, "stdout");
  REQUIRE(found.as_array().size() == 1);
  CHECK(found.at(0).at("this_machine_class").as_bool());
  const std::string path(found.at(0).at("path").as_string());
  CHECK_THAT(bitharness({"baseline", "show", "--baselines", baselines}).out, Contains("perf/decode"));

  const std::vector<std::string> gate = {"--baseline", path, "--filter", filter, "--filter", "perf/baseline"};
  const auto passes = [&] { return green_or_noisy(bitharness(short_perf(gate)).code); };
  // A neighbour that comes after the promotion slows the gated run down in earnest: both are done again.
  CHECK((passes() || (promote() && passes())));
  json::value faster = read_json(path);
  // Another machine of the class: only f may gate.
  faster.at("environment").at("host_name") = "elsewhere";
  for (const char* end : {"", "_low", "_high"}) scale(faster, std::string("bandwidth_fraction") + end, 2);
  scale(faster, "decode_tokens_per_second", 1000);
  write_json_file(path, faster);
  const Finished slow = bitharness(short_perf(gate));
  CAPTURE(slow.out, slow.err);
  CHECK(slow.code == 1);
  CHECK_THAT(slow.out, Contains("baseline_ratio_high") && !Contains("decode_tokens_per_second is"));

  CHECK(bitharness(short_perf({"--baseline", (folder / "none.json").string(), "--filter", "perf/baseline"})).code == 3);
  CHECK(bitharness({"baseline", "show", (folder / "none.json").string()}).code == 4);
  CHECK(bitharness({"baseline", "promote", (folder / "none.json").string()}).code == 4);
  CHECK(bitharness({"baseline", "demote"}).code == 2);
}

TEST_CASE("the gate on another binary: itself does not fail, a build half as fast does", "[timing]") {
  if (kSanitized) return;
  const auto beside = [](const std::string& factor) {
    Start start;
    start.args = short_perf(
        {"--candidate", slow_worker(), "--against", bh::test::kBinary, "--filter", "perf/against/*/decode/*"});
    start.environment = {{"BH_SLOW_BINARY", bh::test::kBinary}, {"BH_SLOW_FACTOR", factor}};
    return run(start);
  };
  // A neighbour may leave a run without a verdict, but no run may call it as fast.
  Finished slow = beside("2.0");
  for (int again = 0; again < 3 && slow.code == 3; ++again) slow = beside("2.0");
  CAPTURE(slow.out, slow.err);
  CHECK(slow.code == 1);
  CHECK_THAT(slow.out, Contains("speed_ratio_high"));
  const Finished same = beside("1.0");
  CAPTURE(same.out, same.err);
  CHECK(green_or_noisy(same.code));
}

TEST_CASE("compare judges two runs, whatever the form it prints", "[timing]") {
  const TempFolder folder;
  const std::string before = (folder / "before").string(), now = (folder / "now.json").string();
  bitharness(short_perf({"-o", before, "--filter", "perf/decode/*"}));
  json::value slower = read_json(folder / "before/run.json");
  scale(slower, "decode_tokens_per_second", 0.5);
  write_json_file(now, slower);
  if (kSanitized) return;
  const Finished human = bitharness({"compare", before, now});
  CAPTURE(human.out, human.err);
  CHECK(human.code == 1);
  CHECK_THAT(human.out, Contains("decode_tokens_per_second_ratio_high"));
  CHECK(bitharness({"compare", now, before}).code != 1);
  const Finished as_json = bitharness({"compare", before, now, "--format", "json"});
  CHECK(parse_json(as_json.out, "stdout").at("suite") == "compare");
  CHECK_THAT(bitharness({"compare", before, now, "--format", "junit"}).out, Contains("<testsuite"));
  CHECK_THAT(bitharness({"compare", before, now, "--format", "markdown"}).out, Contains("regressed"));
  CHECK(bitharness({"compare", before}).code == 2);
  CHECK(bitharness({"compare", before, (folder / "none").string()}).code == 4);
}

TEST_CASE("perf prints llama-bench's lines, and no other suite does") {
  if (kSanitized) return;
  const Finished done = bitharness(short_perf({"--emit", "llama-bench", "--filter", "perf/decode/*"}));
  CAPTURE(done.out, done.err);
  const json::value line = parse_json(done.out, "stdout");
  CHECK(line.at("n_gen") == 16);
  CHECK(line.at("n_prompt") == 0);
  CHECK(line.at("n_threads") == 1);
  CHECK(line.at("model_n_params").as_int64() > 3'000'000);
  CHECK(line.at("samples_ts").as_array().size() == 5);
  const double ts = line.at("samples_ts").at(0).to_number<double>();
  CHECK(line.at("samples_ns").at(0).to_number<double>() == Approx(16 / ts * 1e9).epsilon(1e-6));
  CHECK(bitharness({"acceptance", "--emit", "llama-bench"}).code == 2);
  CHECK(bitharness(short_perf({"--emit", "junit", "--json"})).code == 2);
}

TEST_CASE("what cannot be timed honestly is refused in one line") {
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--numerics", "reference_batch"},
                                               {"-t", "4096"},
                                               {"--depths", "x"},
                                               {"--against", "bitnet.cpp"},
                                               {"--candidate", "x"},
                                               {"--force"},
                                               {"-m", "synth:none"}}) {
    CAPTURE(more);
    const Finished refused = bitharness(short_perf(more));
    CHECK(refused.code == 2);
    CHECK(is_one_clear_line(refused.err));
  }
}

TEST_CASE("perf lists its cases without making the synthetic model") {
  const TempFolder folder;
  Start start;
  start.args = {"perf", "--list"};
  start.environment = {{"XDG_CACHE_HOME", folder.path().string()}};
  const Finished list = run(start);
  CHECK(list.code == 0);
  CHECK_THAT(list.out, Contains("perf/decode/2b4t-i2_s/") && Contains("perf/prefill/kjv-3m-i2_s/"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("kernels checks every kernel of this machine against the scalar one before it times it") {
  const Finished done = bitharness({"kernels", "--filter", "kernels/row/*/rms_norm*", "--json", "-q"});
  CAPTURE(done.err);
  if (kSanitized) return;
  REQUIRE(green_or_noisy(done.code));
  const json::value report = parse_json(done.out, "stdout");
  const json::object& scalar = result_of(report, "float.scalar");
  CHECK(metric_of(scalar, "equals_scalar").at("value").to_number<double>() == 1);
  CHECK(metric_of(scalar, "call_ns").at("samples").as_array().size() == 7);
}
