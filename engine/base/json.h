// Reading and writing JSON: the project's only use of Boost.JSON, shared by the engine and the harness.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bh {

namespace json = boost::json;

/// Parses one UTF-8 JSON document. Refuses duplicate keys, trailing bytes, nesting deeper than 64 and bad UTF-8.
/// `what` names the document in the Error(setup) it throws, with the byte offset.
json::value parse_json(std::string_view text, std::string_view what);

/// Receives a document piece by piece, for texts whose tree would be too large or whose shape is checked on the way.
/// A handler may throw.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  virtual void begin_object() {}
  virtual void end_object() {}
  virtual void begin_array() {}
  virtual void end_array() {}
  virtual void key(std::string_view) {}
  virtual void string_value(std::string_view) {}
  virtual void int_value(std::int64_t) {}
  virtual void uint_value(std::uint64_t) {}  ///< above the range of int64
  virtual void double_value(double) {}
  virtual void bool_value(bool) {}
  virtual void null_value() {}
};

/// Parses as parse_json does, with the same refusals, into a visitor.
void visit_json(std::string_view text, std::string_view what, JsonVisitor& visitor);

/// Reads and parses a whole file (at most `max_bytes`). Throws Error(setup).
json::value read_json_file(const std::string& path, std::size_t max_bytes = std::size_t{256} << 20);

/// Serialises with two-space indentation, keys in insertion order, a final newline; equal values give equal bytes.
/// Throws Error(internal) on NaN or infinity: a document says null and why.
std::string write_json(const json::value& value);

/// The same on one line, without the newline: for JSON Lines.
std::string write_json_line(const json::value& value);

/// write_json into a file, all or nothing. Throws Error(setup).
void write_json_file(const std::string& path, const json::value& value);

/// Typed access that fails with Error(setup) naming `what` and the key, instead of reinterpreting.
const json::value* find(const json::object& object, std::string_view key) noexcept;
std::string get_string(const json::object& object, std::string_view key, std::string_view what);
std::int64_t get_int(const json::object& object, std::string_view key, std::string_view what);
double get_number(const json::object& object, std::string_view key, std::string_view what);
bool get_bool(const json::object& object, std::string_view key, std::string_view what);

}  // namespace bh
