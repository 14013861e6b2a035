#include "suites/perf/plan.h"

#include <algorithm>

#include "engine/base/error.h"
#include "generated/bh_perf.h"
#include "suites/perf/perf.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::suites::perf;
using harness::Criteria;
using harness::Options;

namespace {

Criteria criteria() { return Criteria::parse(embedded::perf::criteria_json(), "criteria.json", "perf"); }

Table table_of(const std::map<std::string, std::string>& values) {
  return read_table(Options::of(option_rows(), values), criteria(), 4);
}

std::vector<std::string> ids_of(const Table& table, std::int32_t n_ctx, const std::vector<Rival>& rivals = {}) {
  const PerfModel model{"m", "", "m.gguf", n_ctx};
  std::vector<std::string> ids;
  for (const Planned& planned : plan(table, {&model, 1}, rivals, "cpu.avx2", false)) ids.push_back(planned.item.id);
  return ids;
}

}  // namespace

TEST_CASE("the quick table is pp128 and tg32 on one and all threads") {
  const auto ids = ids_of(table_of({}), 4096);
  CHECK(ids == std::vector<std::string>{"perf/prefill/m/cpu.avx2/t1/p128", "perf/decode/m/cpu.avx2/t1/d0",
                                        "perf/load/m/cpu.avx2/t4", "perf/prefill/m/cpu.avx2/t4/p128",
                                        "perf/decode/m/cpu.avx2/t4/d0"});
}

TEST_CASE("the full table is cut down to a model's context, and what becomes equal runs once") {
  const Table table = table_of({{"table", "full"}, {"threads", "1"}});
  const auto ids = ids_of(table, 256);
  CHECK(ids == std::vector<std::string>{"perf/load/m/cpu.avx2/t1", "perf/prefill/m/cpu.avx2/t1/p256/ub128",
                                        "perf/prefill/m/cpu.avx2/t1/p256/ub512", "perf/decode/m/cpu.avx2/t1/d0",
                                        "perf/decode/m/cpu.avx2/t1/d127", "perf/together/m/cpu.avx2/t1/s16"});
  CHECK(ids_of(table, 64).size() == 4);
  const PerfModel tiny{"m", "", "m.gguf", 64};
  for (const Planned& planned : plan(table, {&tiny, 1}, {}, "cpu.avx2", true)) {
    const Spec& spec = planned.spec;
    CHECK(std::max(spec.depth, 1) + spec.decode_tokens < 64);
    CHECK(spec.prompt <= 64);
  }
}

TEST_CASE("cases carry the labels people know, and their parameters") {
  Spec spec{Kind::prefill, 0, 2, 512, 512};
  CHECK(label(spec) == "pp512");
  spec = {Kind::decode, 0, 2, 512, 0, 0, 128};
  CHECK(label(spec) == "tg128");
  spec.depth = 4096;
  CHECK(label(spec) == "tg128 @ d4096");
  spec = {Kind::together, 0, 2, 512, 0, 0, 32, 16};
  CHECK(label(spec) == "tg32 x 16");
  spec = {Kind::speculated, 0, 2, 512, 0, 0, 32, 1, 60};
  CHECK(label(spec) == "tg32, 60 % of guesses hold");
  spec.guesses = kLookup;
  CHECK(label(spec) == "tg32, prompt lookup");
}

TEST_CASE("no more threads than usable cores, and lists are read whole or refused") {
  CHECK(table_of({{"threads", "all,2,all"}}).threads == std::vector<int>{4, 2});
  CHECK_THROWS_WITH(table_of({{"threads", "5"}}), Catch::Contains("4 usable cores"));
  CHECK_THROWS_WITH(table_of({{"threads", "zero"}}), Catch::Contains("neither a number from 1 to 1048576 nor 'all'"));
  for (const std::string bad : {"", "1,,2", "0", "two", "1;2", "-1", "99999999999"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(table_of({{"threads", bad}}), Error);
  }
  CHECK_THROWS_AS(table_of({{"depths", "-1"}}), Error);
  CHECK(table_of({{"depths", "0,7"}}).depths == std::vector<std::int32_t>{0, 7});
  CHECK(table_of({}).sequences.empty());
  CHECK(table_of({{"sequences", "2,16"}}).sequences == std::vector<std::int32_t>{2, 16});
  CHECK_THROWS_AS(table_of({{"sequences", "1"}}), Error);  // one alone is what decoding is
  CHECK(table_of({}).guesses.empty());
  CHECK(table_of({{"guesses", "60,lookup,0"}}).guesses == std::vector<std::int32_t>{60, kLookup, 0});
  CHECK_THROWS_WITH(table_of({{"guesses", "101"}}), Catch::Contains("neither a number from 0 to 100 nor 'lookup'"));
  const auto ids = ids_of(table_of({{"threads", "2"}, {"guesses", "60,lookup"}}), 4096);
  CHECK(std::count(ids.begin(), ids.end(), "perf/speculated/m/cpu.avx2/t2/g60") == 1);
  CHECK(std::count(ids.begin(), ids.end(), "perf/speculated/m/cpu.avx2/t2/lookup") == 1);
  for (const std::string& id : ids_of(table_of({{"ubatch-sizes", "1"}, {"guesses", "60"}}), 4096)) {
    CHECK(id.find("speculated") == std::string::npos);
  }
}

TEST_CASE("rivals are told apart by how they are named") {
  const auto rivals = read_rivals({"./old", "bitnet.cpp:/opt/bitnet", "http://127.0.0.1:8080", "./older"});
  REQUIRE(rivals.size() == 4);
  CHECK(rivals[0].name == "previous_build");
  CHECK(rivals[1].subject == "bitnet_cpp");
  CHECK(rivals[1].address == "/opt/bitnet");
  CHECK(rivals[2].subject == "http");
  CHECK(rivals[3].name == "previous_build-2");
  CHECK_THROWS_WITH(read_rivals({"bitnet.cpp"}), Catch::Contains("bitnet.cpp:DIR"));
  CHECK_THROWS_AS(read_rivals({"bitnet.cpp:"}), Error);
  const auto ids = ids_of(table_of({{"threads", "2"}}), 4096, rivals);
  CHECK(ids.size() == 3 + 2 * 4);
  CHECK(std::count(ids.begin(), ids.end(), "perf/against/bitnet_cpp/decode/m/cpu.avx2/t2/d0") == 1);
  // A prompt that fits the smaller step is no case of its own with the larger one, which rivals are compared with.
  const Table two_steps = table_of({{"ubatch-sizes", "128,512"}, {"prompt-lengths", "64"}});
  const auto with_two_steps = ids_of(two_steps, 4096, rivals);
  CHECK(std::count(with_two_steps.begin(), with_two_steps.end(), "perf/against/http/prefill/m/cpu.avx2/t4/p64") == 1);
}
