#include "harness/io/frame.h"

#include "tests/support/catch.h"

using namespace bh::harness;

namespace {

/// Hands out `bytes` in pieces of `piece`.
ReadBytes reader_of(std::string bytes, std::size_t piece) {
  return [bytes = std::move(bytes), piece, at = std::size_t{0}](char* data, std::size_t size) mutable {
    const std::size_t got = std::min({size, piece, bytes.size() - at});
    bytes.copy(data, got, at);
    at += got;
    return got;
  };
}

std::string written(const Frame& frame) {
  std::string bytes;
  write_frame(frame, [&](std::string_view more) { bytes += more; });
  return bytes;
}

std::string refusal(const std::string& bytes) {
  FrameReader reader(reader_of(bytes, 7));
  Frame frame;
  try {
    while (reader.next(frame)) {
    }
  } catch (const FrameError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a frame survives the way through any pieces of a stream") {
  Frame sent{"logits", {{"mode", "batch"}, {"fact.flags", "-O3 100%\n\x80"}, {"empty", ""}}, std::string("a\0b\n", 4)};
  const std::string bytes = written(sent) + written({"done", {}, ""}) + written(sent);
  for (const std::size_t piece : {1u, 2u, 7u, 4096u}) {
    FrameReader reader(reader_of(bytes, piece));
    Frame got;
    for (const char* name : {"logits", "done", "logits"}) {
      REQUIRE(reader.next(got));
      CHECK(got.name == name);
    }
    CHECK(got.values == sent.values);
    CHECK(got.payload == sent.payload);
    CHECK_FALSE(reader.next(got));
  }
}

TEST_CASE("what is no frame is refused with the words that arrived") {
  CHECK(refusal("").empty());
  CHECK(refusal("y\ny\n") == "a frame without its number of bytes: 'y'");
  CHECK(refusal("main: error\x1b[31m\n") == "not a frame of the worker protocol: 'main: error\\x1B[31m'");
  CHECK(refusal("row 12\nshort") == "the stream ended inside the payload of: 'row 12'");
  CHECK(refusal("row 4 posi") == "the stream ended inside a line: 'row 4 posi'");
  CHECK(refusal("row 99999999999\n") == "a frame beyond the limit of 1 GiB: 'row 99999999999'");
  CHECK(refusal("row -1\n") == "a frame without its number of bytes: 'row -1'");
  CHECK(refusal("row 0 a=%4\n") == "a value holds a % without two hexadecimal digits: 'row 0 a=%4'");
  CHECK(refusal("row 0 novalue\n") == "a frame with a word that is no key=value: 'row 0 novalue'");
  CHECK(refusal(std::string(kFrameLineBytes + 100, 'y')).rfind("a line beyond the limit", 0) == 0);
}

TEST_CASE("values are read as integers or refused") {
  const Frame frame{"done", {{"n", "-12"}, {"x", "12x"}}, ""};
  CHECK(frame.integer("n") == -12);
  CHECK(frame.integer("absent", 7) == 7);
  CHECK(frame.text("absent", "no") == "no");
  CHECK_THROWS_AS(frame.integer("x"), FrameError);
}
