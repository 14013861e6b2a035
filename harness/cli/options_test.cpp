#include "harness/cli/options.h"

#include <fstream>
#include <map>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/core/text.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;

namespace {

std::vector<OptionRow> test_rows() {
  std::vector<OptionRow> rows = {
      rows::kModel,
      rows::kThreads,
      rows::kPrompt,
      rows::kMicroBatch,
      rows::kJson,
      OptionRow{.name = "n-predict", .aliases = "n", .kind = OptionKind::integer, .default_value = "-1", .min = -1},
      OptionRow{.name = "gpu-layers", .aliases = "ngl", .kind = OptionKind::integer},
      OptionRow{.name = "strict", .extra_env = "BITNET_STRICT_MODE"},
      OptionRow{.name = "stop", .kind = OptionKind::text, .repeatable = true}};
  for (const OptionRow& row : common_rows()) rows.push_back(row);
  return rows;
}

struct Outside {
  std::map<std::string, std::string> environment;
  Options parse(const std::vector<std::string>& args, std::vector<OptionRow> rows = test_rows()) const {
    const std::vector<KnownCommand> known = {{"run", rows}, {"other", {OptionRow{.name = "special"}}}};
    return parse_options(
        "run", rows, args,
        [this](const char* name) {
          const auto found = environment.find(name);
          return found == environment.end() ? nullptr : found->second.c_str();
        },
        known);
  }
  std::string error(const std::vector<std::string>& args) const {
    try {
      parse(args);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      return error.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE("options are read in every form that users of llama.cpp type") {
  const Outside outside;
  CHECK(outside.parse({"-t", "4"}).integer("threads") == 4);
  CHECK(outside.parse({"-t4"}).integer("threads") == 4);
  CHECK(outside.parse({"--threads=4"}).integer("threads") == 4);
  CHECK(outside.parse({"-threads", "4"}).integer("threads") == 4);
  CHECK(outside.parse({"-ngl", "99"}).integer("gpu-layers") == 99);
  CHECK(outside.parse({"-ub", "64", "-m", "x.gguf"}).integer("ubatch-size") == 64);
  CHECK(outside.parse({"-n", "-1"}).integer("n-predict") == -1);
  CHECK(outside.parse({"-p", ""}).text("prompt").empty());
  CHECK(outside.parse({"-p", ""}).has("prompt"));
  CHECK(outside.parse({"-p", "- a dash"}).text("prompt") == "- a dash");
  CHECK(outside.parse({"-p", "a=b --c"}).text("prompt") == "a=b --c");
  CHECK(outside.parse({"--stop", "a", "--stop", "b"}).texts("stop") == std::vector<std::string>{"a", "b"});
  CHECK(outside.parse({"--json"}).flag("json"));
}

TEST_CASE("what cannot be meant is refused in one line") {
  const Outside outside;
  CHECK(outside.error({"-t", "0"}) == "--threads takes an integer from 1 to 1024, not '0'");
  CHECK(outside.error({"-n", "-5"}) == "--n-predict takes an integer of -1 or more, not '-5'");
  CHECK(outside.error({"--theads", "4"}) ==
        "unknown option --theads; did you mean --threads?; see 'bitharness run --help'");
  CHECK(outside.error({"--thread", "4"}).find("did you mean --threads?") != std::string::npos);  // no guessing
  CHECK(outside.error({"-zzzzzzzz"}).find("unknown option") == 0);
  CHECK(outside.error({"-t"}).find("--threads needs a value") == 0);
  CHECK(outside.error({"--json=yes"}).find("--json takes no value") == 0);
  CHECK(outside.error({"stray"}) ==
        "unexpected argument 'stray'; a model is named with --model; see 'bitharness run --help'");
  CHECK(outside.error({"-t", "1", "-t", "2"}) == "--threads is given 2 times; it takes one value");
  CHECK(to_valid_utf8(outside.error({"--\xff"})) == outside.error({"--\xff"}));
}

TEST_CASE("a flag wins over the environment, the environment over the file, the file over the default") {
  const test::TempFolder folder;
  const std::string config = folder / "config";
  std::ofstream(config) << "# a comment\nthreads = 2\nmodel = file.gguf\nn-predict = 5\n\n[run]\nn-predict = 6\n";
  Outside outside;
  outside.environment = {{"BITHARNESS_THREADS", "3"}, {"BITHARNESS_CONFIG", config}};
  const Options options = outside.parse({});
  CHECK(options.integer("threads") == 3);
  CHECK(options.text("model") == "file.gguf");
  CHECK(options.integer("n-predict") == 6);
  CHECK(outside.parse({"-t", "4"}).integer("threads") == 4);
  CHECK_FALSE(options.flag("json"));
  const std::string shown = show_config(outside.parse({"-t", "4"}));
  CHECK_THAT(shown, Catch::Contains("threads = 4  # command line\n"));
  CHECK_THAT(shown, Catch::Contains("model = file.gguf  # config file\n"));
  CHECK_THAT(shown, Catch::Contains("# prompt is not set\n"));
  CHECK_THAT(shown, Catch::Contains("ubatch-size = 512  # default\n"));
}

TEST_CASE("the configuration file of the user is found, and a named one must be there") {
  const test::TempFolder folder;
  std::filesystem::create_directories(folder / ".config/bitharness");
  std::ofstream(folder / ".config/bitharness/config") << "threads = 7\n";
  Outside outside;
  outside.environment = {{"HOME", folder.path().string()}};
  CHECK(outside.parse({}).integer("threads") == 7);
  CHECK_THAT(outside.error({"--config", folder / "absent"}), Catch::Contains("--config"));
  CHECK_THAT(outside.error({"--config", folder.path()}), Catch::Contains("no regular file"));
}

TEST_CASE("a mistake in the configuration file is a usage error with the file's name") {
  const test::TempFolder folder;
  const std::string config = folder / "config";
  const Outside outside;
  const auto error_of = [&](const std::string& text) {
    std::ofstream(config) << text;
    return outside.error({"--config", config});
  };
  CHECK_THAT(error_of("theads = 2\n"), Catch::Contains("unknown option 'theads'; did you mean --threads?"));
  CHECK_THAT(error_of("[rum]\nthreads = 2\n"), Catch::Contains("[rum] is no command"));
  CHECK_THAT(error_of("[run]\nspecial = 1\n"), Catch::Contains("unknown option 'special' in [run]"));
  CHECK_THAT(error_of("threads\n"), Catch::Contains("name = value"));
  CHECK_THAT(error_of("threads = 0\n"), Catch::Contains("from 1 to 1024"));
  CHECK(error_of("special = 1\n[other]\nspecial = 1\n").empty());  // another command's options may stand there
}

TEST_CASE("environment variables have the option's name, and some a second one") {
  CHECK(environment_name("top-k") == "BITHARNESS_TOP_K");
  Outside outside;
  outside.environment = {{"BITNET_STRICT_MODE", "1"}, {"BITHARNESS_THREADS", ""}};
  CHECK(outside.parse({}).flag("strict"));
  CHECK_FALSE(outside.parse({}).has("threads"));
  outside.environment["BITHARNESS_STRICT"] = "0";
  CHECK_FALSE(outside.parse({}).flag("strict"));
  outside.environment["BITHARNESS_STRICT"] = "maybe";
  CHECK_THAT(outside.error({}), Catch::Contains("not 'maybe'"));
}

TEST_CASE("help is given whatever else is wrong with the values") {
  const Outside outside;
  CHECK(outside.parse({"-t", "0", "--help"}).flag("help"));
}
