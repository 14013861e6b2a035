// What two vocabularies are told to differ in.
#include "harness/judge/compare_models.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/vocabularies.h"

using namespace bh;
using namespace bh::harness;

namespace {

FieldComparison ignore_merges(engine::Vocabulary vocabulary) {
  const engine::Tokenizer implied(vocabulary);
  vocabulary.ignore_merges = false;
  const auto fields = compare_vocabularies(engine::Tokenizer(vocabulary), implied);
  return *std::find_if(fields.begin(), fields.end(), [](const auto& field) { return field.key == "ignore_merges"; });
}

}  // namespace

TEST_CASE("whether merges are ignored is a difference where a token's text becomes other ids by it") {
  // Merging turns "abc" into "a" and "bc", never into the token "abc", and "xbc" into "x" and "bc".
  const FieldComparison unreached = ignore_merges(test::byte_bpe({{"b", "c"}, {"a", "b"}, {"ab", "c"}}));
  CHECK_FALSE(unreached.equal);
  CHECK(unreached.left == "false: token 258 is encoded as 97 256");
  CHECK(unreached.right == "true: token 258 is encoded as 258");
  const FieldComparison two =
      ignore_merges(test::byte_bpe({{"b", "c"}, {"a", "b"}, {"ab", "c"}, {"x", "b"}, {"xb", "c"}}));
  CHECK(two.right == "true: token 258 is encoded as 258, and 1 more differ");

  const FieldComparison reached = ignore_merges(test::byte_bpe({{"b", "c"}, {"a", "bc"}}));
  CHECK(reached.equal);
  CHECK(reached.left == "false");
  CHECK(reached.right == "true");
  const FieldComparison never = ignore_merges(test::byte_bpe({{"b", "c"}, {"a", "b"}, {"ab", "c"}}, "gpt-2"));
  CHECK(never.equal);
  CHECK(never.right == "false");
}
