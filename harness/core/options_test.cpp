#include "harness/core/options.h"

#include <array>

#include "engine/base/error.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;
using Catch::Contains;

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "threads", .aliases = "t", .kind = OptionKind::integer, .value_name = "N", .min = 1, .max = 1024},
    OptionRow{.name = "n-predict", .aliases = "n", .kind = OptionKind::integer, .default_value = "-1", .min = -1},
    OptionRow{.name = "temp", .kind = OptionKind::number, .default_value = "0.8", .min = 0},
    OptionRow{.name = "device", .kind = OptionKind::choice, .default_value = "auto", .choices = "auto|cpu"},
    OptionRow{.name = "stop", .kind = OptionKind::text, .repeatable = true},
    OptionRow{.name = "json", .kind = OptionKind::flag},
};

std::string message(const std::map<std::string, std::string>& values) {
  try {
    Options::of(kRows, values);
  } catch (const Error& error) {
    return fmt::format("{}: {}", static_cast<int>(error.kind()), error.what());
  }
  return "";
}

}  // namespace

TEST_CASE("options hold defaults and typed values") {
  const Options options = Options::of(kRows, {{"threads", "4"}, {"json", "1"}, {"temp", "1e-3"}});
  CHECK(options.integer("threads") == 4);
  CHECK(options.integer("n-predict") == -1);
  CHECK(options.flag("json"));
  CHECK(options.number("temp") == 1e-3);
  CHECK(options.text("device") == "auto");
  CHECK(options.has("device"));
  CHECK_FALSE(options.given("device"));
  CHECK(options.given("threads"));
  CHECK_FALSE(options.has("stop"));
  CHECK(options.integer_or("threads", 9) == 4);
  CHECK_THROWS_AS(options.flag("no-such-row"), Error);
}

TEST_CASE("a value outside its kind, range or choices is a usage error that names option, bounds and value") {
  CHECK(message({{"threads", "0"}}) == "0: --threads takes an integer from 1 to 1024, not '0'");
  CHECK(message({{"n-predict", "-5"}}) == "0: --n-predict takes an integer of -1 or more, not '-5'");
  CHECK(message({{"n-predict", "-1"}}).empty());
  CHECK_THAT(message({{"threads", "four"}}), Contains("not 'four'"));
  CHECK_THAT(message({{"threads", ""}}), Contains("not ''"));
  CHECK_THAT(message({{"threads", "4x"}}), Contains("not '4x'"));
  CHECK_THAT(message({{"threads", "99999999999999999999"}}), Contains("from 1 to 1024"));
  CHECK_THAT(message({{"temp", "nan"}}), Contains("not 'nan'"));
  CHECK_THAT(message({{"temp", "-0.1"}}), Contains("of 0 or more"));
  CHECK(message({{"device", "tpu"}}) == "0: --device takes auto, cpu, not 'tpu'");
  CHECK_THAT(message({{"json", "maybe"}}), Contains("switch"));
}

TEST_CASE("only repeatable options take several values") {
  const Options options(kRows, {{"stop", {"a", "b"}, OptionSource::command_line}});
  CHECK(options.texts("stop") == std::vector<std::string>{"a", "b"});
  CHECK_THROWS_AS(Options(kRows, {{"threads", {"1", "2"}, OptionSource::command_line}}), Error);
}
