#include "engine/base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/text_file.h"
#include "engine/base/utf8.h"

namespace bh {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// Adapts Boost's event parser: whole keys and strings, duplicate keys refused, doubles correctly rounded (Boost 1.81
/// is off by a unit in the last place, which would change a document that is read and written again).
class Events {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = json::error_code;
  using string_view = json::string_view;

  Events(JsonVisitor& visitor, std::string_view what) : visitor_(visitor), what_(what) {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    keys_.emplace_back();
    visitor_.begin_object();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    keys_.pop_back();
    visitor_.end_object();
    return true;
  }
  bool on_array_begin(error_code&) {
    visitor_.begin_array();
    return true;
  }
  bool on_array_end(std::size_t, error_code&) {
    visitor_.end_array();
    return true;
  }
  bool on_key_part(string_view part, std::size_t, error_code&) { return append(part); }
  bool on_key(string_view part, std::size_t, error_code&) {
    append(part);
    if (!keys_.back().insert(text_).second) {
      const std::string key = write_json_line(json::string(text_));  // escaped: the text may hold anything
      fail(ErrorKind::setup, "{}: the key {} stands there twice", what_, key);
    }
    visitor_.key(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) { return append(part); }
  bool on_string(string_view part, std::size_t, error_code&) {
    append(part);
    visitor_.string_value(text_);
    text_.clear();
    return true;
  }
  bool on_number_part(string_view part, error_code&) { return append(part); }
  bool on_int64(std::int64_t value, string_view, error_code&) {
    text_.clear();
    visitor_.int_value(value);
    return true;
  }
  bool on_uint64(std::uint64_t value, string_view, error_code&) {
    text_.clear();
    visitor_.uint_value(value);
    return true;
  }
  bool on_double(double approximate, string_view part, error_code&) {
    append(part);
    double value = 0;
    const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    // Out of range: too small is as good as zero, too large is no JSON number that we could hold.
    if (result.ec == std::errc::result_out_of_range) value = approximate;
    if (!std::isfinite(value)) fail(ErrorKind::setup, "{}: the number {} is out of range", what_, text_);
    text_.clear();
    visitor_.double_value(value);
    return true;
  }
  bool on_bool(bool value, error_code&) {
    visitor_.bool_value(value);
    return true;
  }
  bool on_null(error_code&) {
    visitor_.null_value();
    return true;
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  bool append(string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }

  JsonVisitor& visitor_;
  std::string_view what_;
  std::string text_;
  std::vector<std::unordered_set<std::string>> keys_;  ///< of each open object
};

class TreeBuilder : public JsonVisitor {
 public:
  TreeBuilder() { stack_.reset(); }
  json::value release() { return stack_.release(); }

  void begin_object() override { open(); }
  void end_object() override { stack_.push_object(close()); }
  void begin_array() override { open(); }
  void end_array() override { stack_.push_array(close()); }
  void key(std::string_view text) override { stack_.push_key({text.data(), text.size()}); }
  void string_value(std::string_view text) override {
    stack_.push_string({text.data(), text.size()});
    count();
  }
  void int_value(std::int64_t value) override {
    stack_.push_int64(value);
    count();
  }
  void uint_value(std::uint64_t value) override {
    stack_.push_uint64(value);
    count();
  }
  void double_value(double value) override {
    stack_.push_double(value);
    count();
  }
  void bool_value(bool value) override {
    stack_.push_bool(value);
    count();
  }
  void null_value() override {
    stack_.push_null();
    count();
  }

 private:
  void count() {
    if (!counts_.empty()) ++counts_.back();
  }
  void open() { counts_.push_back(0); }
  std::size_t close() {
    const std::size_t n = counts_.back();
    counts_.pop_back();
    count();
    return n;
  }

  json::value_stack stack_;
  std::vector<std::size_t> counts_;  ///< values in each open object or array
};

void write_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\xef\xbf\xbd";  // a document must be UTF-8 whatever bytes a model produced
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) fail(ErrorKind::internal, "cannot write {} as JSON: a document says null and why", value);
  const std::string text = fmt::format("{}", value);  // the shortest text that reads back as the same number
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

/// `indent` < 0 writes one line.
void write_value(std::string& out, const json::value& value, int indent) {
  const auto separator = [&](bool first, int depth) {
    if (!first) out += ',';
    if (indent >= 0) {
      out += '\n';
      out.append(static_cast<std::size_t>(depth) * 2, ' ');
    }
  };
  const int inner = indent < 0 ? indent : indent + 1;
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case json::kind::int64:
      out += fmt::format("{}", value.get_int64());
      return;
    case json::kind::uint64:
      out += fmt::format("{}", value.get_uint64());
      return;
    case json::kind::double_:
      write_double(out, value.get_double());
      return;
    case json::kind::string:
      write_string(out, {value.get_string().data(), value.get_string().size()});
      return;
    case json::kind::array: {
      const json::array& array = value.get_array();
      out += '[';
      for (std::size_t i = 0; i < array.size(); ++i) {
        separator(i == 0, inner);
        write_value(out, array[i], inner);
      }
      if (!array.empty()) separator(true, indent);
      out += ']';
      return;
    }
    case json::kind::object: {
      bool first = true;
      out += '{';
      for (const auto& member : value.get_object()) {
        separator(first, inner);
        first = false;
        write_string(out, {member.key().data(), member.key().size()});
        out += indent < 0 ? ":" : ": ";
        write_value(out, member.value(), inner);
      }
      if (!first) separator(true, indent);
      out += '}';
      return;
    }
  }
}

const json::value& need(const json::object& object, std::string_view key, std::string_view what) {
  const json::value* value = find(object, key);
  if (value == nullptr) fail(ErrorKind::setup, "{}: the key \"{}\" is missing", what, key);
  return *value;
}

[[noreturn]] void wrong_type(std::string_view key, std::string_view what, std::string_view wanted) {
  fail(ErrorKind::setup, "{}: the value of \"{}\" is not {}", what, key, wanted);
}

}  // namespace

void visit_json(std::string_view text, std::string_view what, JsonVisitor& visitor) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<Events> parser(options, visitor, what);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) fail(ErrorKind::setup, "{}: not valid JSON at byte {}: {}", what, used, error.message());
  const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
  if (rest != std::string_view::npos)
    fail(ErrorKind::setup, "{}: bytes after the JSON document, at byte {}", what, rest);
}

json::value parse_json(std::string_view text, std::string_view what) {
  TreeBuilder builder;
  visit_json(text, what, builder);
  return builder.release();
}

json::value read_json_file(const std::string& path, std::size_t max_bytes) {
  return parse_json(read_text_file(path, max_bytes), path);
}

std::string write_json(const json::value& value) {
  std::string out;
  write_value(out, value, 0);
  out += '\n';
  return out;
}

std::string write_json_line(const json::value& value) {
  std::string out;
  write_value(out, value, -1);
  return out;
}

void write_json_file(const std::string& path, const json::value& value) {
  AtomicFile file(path);
  file.write(write_json(value));
  file.commit();
}

const json::value* find(const json::object& object, std::string_view key) noexcept {
  return object.if_contains({key.data(), key.size()});
}

std::string get_string(const json::object& object, std::string_view key, std::string_view what) {
  const json::value& value = need(object, key, what);
  if (!value.is_string()) wrong_type(key, what, "a string");
  return {value.get_string().data(), value.get_string().size()};
}

std::int64_t get_int(const json::object& object, std::string_view key, std::string_view what) {
  const json::value& value = need(object, key, what);
  // A tree built in memory may hold a small number as unsigned.
  if (value.is_uint64() && value.get_uint64() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return static_cast<std::int64_t>(value.get_uint64());
  if (!value.is_int64()) wrong_type(key, what, "an integer (64 bits, signed)");
  return value.get_int64();
}

double get_number(const json::object& object, std::string_view key, std::string_view what) {
  const json::value& value = need(object, key, what);
  if (!value.is_number()) wrong_type(key, what, "a number");
  return value.is_double()  ? value.get_double()
         : value.is_int64() ? static_cast<double>(value.get_int64())
                            : static_cast<double>(value.get_uint64());
}

bool get_bool(const json::object& object, std::string_view key, std::string_view what) {
  const json::value& value = need(object, key, what);
  if (!value.is_bool()) wrong_type(key, what, "true or false");
  return value.get_bool();
}

}  // namespace bh
