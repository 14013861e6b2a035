#include "harness/core/text.h"

#include "tests/support/catch.h"

using namespace bh::harness;

TEST_CASE("a filter without wildcards is a substring, with wildcards it matches the whole id") {
  CHECK(matches_filter("acceptance/AC5/round-trip", "AC5"));
  CHECK(matches_filter("acceptance/AC5/round-trip", "acceptance/*"));
  CHECK(matches_filter("acceptance/AC5/round-trip", "*AC?/round*"));
  CHECK_FALSE(matches_filter("acceptance/AC5/round-trip", "AC*"));
  CHECK_FALSE(matches_filter("acceptance/AC5", "AC50"));
  CHECK(matches_filter("aaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*b"));
  CHECK_FALSE(matches_filter("aaaaaaaaaaaaaaaaaaaaaaaaaa", "*a*a*a*a*b"));
}

TEST_CASE("a typo finds its word and nonsense finds none") {
  const std::vector<std::string> words = {"threads", "temp", "top-k", "top-p", "model"};
  CHECK(nearest_word("theads", words) == "threads");
  CHECK(nearest_word("modle", words) == "model");
  CHECK(nearest_word("zzzzzz", words).empty());
  CHECK(nearest_word("", words).empty());
}

TEST_CASE("shell quoting leaves plain words alone and survives quotes, spaces and bytes") {
  CHECK(shell_quote("-m") == "-m");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("two words") == "'two words'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("a\n\xff") == "$'a\\n\\xff'");
}
