// JSON documents: what is read and written reads back as the same value, and both readers accept the same texts.
#include "engine/base/json.h"

#include <cstdint>
#include <optional>

#include "tests/fuzz/readers.h"

namespace bh::fuzz {
namespace {

/// Checks that begins and ends come in pairs, and counts values.
class Balance : public JsonVisitor {
 public:
  void begin_object() override { ++open_; }
  void end_object() override { close(); }
  void begin_array() override { ++open_; }
  void end_array() override { close(); }
  void string_value(std::string_view) override { ++values; }
  void int_value(std::int64_t) override { ++values; }
  void uint_value(std::uint64_t value) override {
    expect(value > static_cast<std::uint64_t>(INT64_MAX), "a number that fits int64 comes as one");
    ++values;
  }
  void double_value(double) override { ++values; }
  void bool_value(bool) override { ++values; }
  void null_value() override { ++values; }

  void expect_closed() const { expect(open_ == 0, "every object and array is closed"); }
  std::size_t values = 0;

 private:
  void close() {
    expect(open_ > 0, "nothing is closed that was not opened");
    --open_;
    ++values;
  }
  int open_ = 0;
};

}  // namespace

void run_json(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Balance balance;
  const bool visited = accepts([&] { visit_json(text, "input", balance); });
  std::optional<json::value> value;
  const bool parsed = accepts([&] { value = parse_json(text, "input"); });
  expect(visited == parsed, "both readers accept the same documents");
  if (!parsed) return;
  balance.expect_closed();
  expect(balance.values > 0, "a document holds a value");

  const std::string written = write_json(*value);
  const json::value again = parse_json(written, "what was written");
  expect(again == *value, "a document reads back as it was written");
  expect(write_json(again) == written, "equal documents are written alike");
  const std::string line = write_json_line(*value);
  expect(line.find('\n') == std::string::npos, "a line of JSON is one line");
  expect(write_json_line(parse_json(line, "the line")) == line, "a line reads back as it was written");
}

}  // namespace bh::fuzz
