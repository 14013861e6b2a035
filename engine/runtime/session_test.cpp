// Sessions on the CPU with a made model: splits, rewinding and shared steps change no bit.
#include "engine/runtime/session.h"

#include "engine/base/error.h"
#include "engine/model/synth.h"
#include "engine/runtime/sampler.h"
#include "tests/support/catch.h"

namespace bh::engine {
namespace {

/// One backend for all tests: a session holds all state of a sequence.
Backend& backend() {
  static const auto loaded = find_device("cpu").load(make_synth_model({}), {});
  return *loaded;
}

std::vector<TokenId> some_tokens(std::size_t count, std::uint32_t seed = 1) {
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    tokens.push_back(static_cast<TokenId>((seed >> 16) % 512));
  }
  return tokens;
}

using Logits = std::vector<float>;

Logits evaluate_alone(std::span<const TokenId> tokens, Numerics numerics = Numerics::one_answer) {
  Session session(backend(), 64, numerics);
  return session.eval_all(tokens);
}

std::span<const float> row(const Logits& logits, std::size_t i) { return std::span(logits).subspan(i * 512, 512); }

bool equal(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("logits of a made model are sane") {
  const auto logits = evaluate_alone(some_tokens(20));
  double sum = 0, squares = 0;
  for (const float value : logits) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double mean = sum / static_cast<double>(logits.size());
  const double deviation = std::sqrt(squares / static_cast<double>(logits.size()) - mean * mean);
  CHECK(deviation > 1.5);
  CHECK(deviation < 6.0);
  CHECK(std::abs(mean) < 1.0);
}

TEST_CASE("eval gives the last row of eval_all, in any split") {
  const auto tokens = some_tokens(23);
  const auto all = evaluate_alone(tokens);
  for (const std::int32_t n_batch : {0, 1, 2, 5, 22, 23, 100}) {
    CAPTURE(n_batch);
    Session session(backend(), 64);
    CHECK(equal(session.eval(tokens, n_batch), row(all, 22)));
    CHECK(session.n_past() == 23);
    Session other(backend(), 64);
    CHECK(other.eval_all(tokens, n_batch) == all);
  }
}

TEST_CASE("a rewound session goes on as if the rest had never been") {
  const auto tokens = some_tokens(20), other = some_tokens(12, 99);
  Session session(backend(), 64);
  session.eval(tokens);
  for (const std::int32_t keep : {19, 7, 0}) {
    CAPTURE(keep);
    session.rewind(keep);
    CHECK(session.n_past() == keep);
    std::vector<TokenId> text(tokens.begin(), tokens.begin() + keep);
    text.insert(text.end(), other.begin(), other.end());
    const auto expected = evaluate_alone(text);
    CHECK(equal(session.eval(other), row(expected, text.size() - 1)));
    session.rewind(keep);
    session.eval(std::span(tokens).subspan(static_cast<std::size_t>(keep)));
  }
}

TEST_CASE("sessions that share a step get the bits they get alone") {
  const auto first = some_tokens(17), second = some_tokens(9, 5), third = some_tokens(1, 77);
  for (const auto numerics : {Numerics::one_answer, Numerics::reference_batch, Numerics::reference_single}) {
    CAPTURE(to_string(numerics));
    Session a(backend(), 64, numerics), b(backend(), 32, numerics), c(backend(), 8, numerics);
    const BatchItem items[] = {{&a, first, Wanted::all}, {&b, second, Wanted::last}, {&c, third, Wanted::none}};
    forward(backend(), items);
    const Logits logits(backend().logits().begin(), backend().logits().end());
    REQUIRE(logits.size() == 18 * 512);
    const auto alone = evaluate_alone(first, numerics);
    CHECK(equal(std::span(logits).first(17 * 512), alone));
    CHECK(equal(row(logits, 17), row(evaluate_alone(second, numerics), 8)));
    CHECK(a.n_past() == 17);
    CHECK(b.n_past() == 9);
    CHECK(c.n_past() == 1);

    // They go on together, one token each.
    const TokenId next[] = {3, 4};
    const BatchItem more[] = {{&b, {next, 1}, Wanted::last}, {&a, {next + 1, 1}, Wanted::last}};
    forward(backend(), more);
    if (numerics == Numerics::reference_batch) continue;  // alone, one row would be computed by other rules
    const Logits together(backend().logits().begin(), backend().logits().end());
    Session alone_b(backend(), 32, numerics);
    alone_b.eval(second);
    CHECK(equal(row(together, 0), alone_b.eval({next, 1})));
  }
}

TEST_CASE("the best logits of each row are those of the full head, for every number of them and numerics") {
  const auto tokens = some_tokens(11);
  for (const Numerics numerics : {Numerics::one_answer, Numerics::reference_batch}) {
    const Logits all = evaluate_alone(tokens, numerics);
    for (const std::int32_t count : {1, 2, 40, 512, 600}) {
      Session session(backend(), 16, numerics);
      const BatchItem item{&session, tokens, Wanted::all};
      forward(backend(), {&item, 1}, count);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto best = backend().best(static_cast<std::int64_t>(i));
        const auto expected = best_of(std::span(all).subspan(i * 512, 512), count);
        REQUIRE(best.size() == static_cast<std::size_t>(std::min(count, 512)));
        for (std::size_t k = 0; k < best.size(); ++k) {
          CHECK(best[k].id == expected[k].id);
          CHECK(best[k].logit == expected[k].logit);
        }
      }
    }
  }
  Session session(backend(), 16);
  CHECK(kind_of([&] { session.eval_best(tokens, 0); }) == ErrorKind::usage);
  CHECK(session.eval_best(tokens, 1).size() == 1);
}

TEST_CASE("a session takes its context from the model unless told otherwise") {
  CHECK(Session(backend()).n_ctx() == 512);
  CHECK(Session(backend(), 33).n_ctx() == 33);
  CHECK(Session(backend(), 64).kv_bytes() > 0);
  CHECK(kind_of([] { Session(backend(), -1); }) == ErrorKind::usage);
  CHECK(kind_of([] { Session(backend(), 1 << 30); }) == ErrorKind::usage);
}

TEST_CASE("tokens that cannot be evaluated are refused and leave the session as it was") {
  Session session(backend(), 8);
  session.eval(some_tokens(3));
  CHECK(kind_of([&] { session.eval({}); }) == ErrorKind::usage);
  CHECK(kind_of([&] { session.eval(some_tokens(6)); }) == ErrorKind::usage);
  for (const TokenId bad : {-1, 512}) CHECK(kind_of([&] { session.eval({&bad, 1}); }) == ErrorKind::usage);
  CHECK(kind_of([&] { session.rewind(4); }) == ErrorKind::internal);
  CHECK(session.n_past() == 3);
  CHECK_NOTHROW(session.eval(some_tokens(5)));
}

}  // namespace bh::engine
