// Runs every fuzz target over its seeds and over the inputs that once broke it, so that a build without libFuzzer
// covers the readers too. A fixed finding goes to tests/fuzz/regressions/TARGET/, under a name that says what it was.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "tests/fuzz/targets.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace {

using bh::fuzz::Seed;
using bh::fuzz::Target;

/// Bytes on the heap without room to spare, so that a sanitizer sees a read beyond them.
void run(const Target& target, const std::string& bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  target.run(std::vector<std::byte>(data, data + bytes.size()));
}

}  // namespace

TEST_CASE("every fuzz target keeps its promises on its seeds") {
  for (const Target& target : bh::fuzz::targets()) {
    std::set<std::string> names;
    for (const Seed& seed : target.seeds()) {
      INFO(target.name << ": " << seed.name);
      REQUIRE(names.insert(seed.name).second);
      REQUIRE_NOTHROW(run(target, seed.bytes));
    }
    REQUIRE(names.size() >= 10);
  }
}

TEST_CASE("every fuzz target keeps its promises on seeds cut off and flipped anywhere") {
  constexpr std::size_t kCuts = 200;
  for (const Target& target : bh::fuzz::targets()) {
    const std::string whole = target.seeds().front().bytes;
    const std::size_t step = std::max<std::size_t>(1, whole.size() / kCuts);
    for (std::size_t at = 0; at < whole.size(); at += step) {
      INFO(target.name << " at byte " << at);
      REQUIRE_NOTHROW(run(target, whole.substr(0, at)));
      std::string flipped = whole;
      flipped[at] = static_cast<char>(~flipped[at]);
      REQUIRE_NOTHROW(run(target, flipped));
    }
  }
}

TEST_CASE("inputs that once broke a reader are refused or read") {
  const auto folder = std::filesystem::path(bh::test::kSourceDir) / "tests" / "fuzz" / "regressions";
  if (!std::filesystem::exists(folder)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    INFO(entry.path().string());
    const Target* target = bh::fuzz::find_target(entry.path().parent_path().filename().string());
    REQUIRE(target != nullptr);
    std::ifstream file(entry.path(), std::ios::binary);
    REQUIRE_NOTHROW(run(*target, std::string(std::istreambuf_iterator<char>(file), {})));
  }
}
