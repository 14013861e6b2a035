#include "suites/acceptance/text_judge.h"

#include <numeric>
#include <vector>

#include "tests/support/catch.h"

using namespace bh::suites::acceptance;
using bh::engine::TokenId;

namespace {

std::vector<TokenId> counting(std::size_t n) {
  std::vector<TokenId> ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

}  // namespace

TEST_CASE("A sample of different ids and known words has no repetition and full shares") {
  const WordList words("And the LORD said unto Moses, Go.");
  const auto facts = look_at(counting(40), "and Moses said: Go unto the Lord.", words);
  CHECK(facts.tokens == 40);
  CHECK(facts.words == 7);
  CHECK(facts.repetition_rate == 0);
  CHECK(facts.distinct_share == 1);
  CHECK(facts.longest_run_share == 0.025);
  CHECK(*facts.known_word_share == 1);
}

TEST_CASE("A loop shows in repetition and distinct ids, one id over and over in its run") {
  std::vector<TokenId> loop;
  for (int i = 0; i < 64; ++i) loop.push_back(i % 5);
  CHECK(look_at(loop, "", {}).repetition_rate > 0.9);
  CHECK(look_at(loop, "", {}).distinct_share < 0.1);
  const std::vector<TokenId> same(64, 7);
  CHECK(look_at(same, "", {}).longest_run_share == 1);
  CHECK(look_at(same, "", {}).repetition_rate > 0.98);
}

TEST_CASE("Noise shows in the share of known words") {
  const WordList words("in the beginning god created the heaven and the earth");
  const auto facts = look_at(counting(10), "xqz the wrt ginn heav and earththe go ", words);
  CHECK(facts.words == 8);
  CHECK(*facts.known_word_share == 0.25);
  CHECK(*look_at(counting(10), "12 .. !!", words).known_word_share == 0);
}

TEST_CASE("The word a sample was cut in does not count") {
  const WordList words("the earth");
  CHECK(*look_at(counting(3), "the ear", words).known_word_share == 1);
  CHECK(look_at(counting(3), "the ear", words).words == 1);
}

TEST_CASE("Without a word list there is no share of known words") {
  CHECK_FALSE(look_at(counting(3), "a b c", {}).known_word_share);
  CHECK(look_at({}, "", {}).tokens == 0);
}
