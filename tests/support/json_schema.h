// Checks documents against the JSON Schema keywords that reports/schema/ uses; any other keyword is a mistake of ours
// and throws, so that a rule cannot be written down and never checked.
#pragma once

#include <cmath>
#include <regex>
#include <stdexcept>
#include <string>

#include "engine/base/json.h"
#include "tests/support/paths.h"

namespace bh::test {

class JsonSchema {
 public:
  explicit JsonSchema(json::value root) : root_(std::move(root)) {}

  /// One of reports/schema/. Its references to its neighbours there ("run.schema.json#/$defs/result") are followed.
  static JsonSchema named(const std::string& file) {
    return JsonSchema(read_json_file(std::string(kSourceDir) + "/reports/schema/" + file));
  }

  /// Empty if `document` is valid, else where and why not.
  std::string fault(const json::value& document) const { return fault(document, root_.as_object(), "$"); }

 private:
  static std::string text(const json::string& string) { return {string.data(), string.size()}; }

  static bool has_type(const json::value& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    throw std::logic_error("schema: unknown type " + type);
  }

  static bool speaks_of(const std::string& keyword, const json::value& value) {
    if (keyword == "required" || keyword == "properties" || keyword == "additionalProperties") return value.is_object();
    if (keyword == "items") return value.is_array();
    if (keyword == "minLength" || keyword == "pattern") return value.is_string();
    return (keyword != "minimum" && keyword != "maximum") || value.is_number();
  }

  std::string fault(const json::value& value, const json::object& schema, const std::string& at) const {
    for (const auto& member : schema) {
      const std::string keyword(member.key().data(), member.key().size());
      std::string found = check(keyword, member.value(), value, schema, at);
      if (!found.empty()) return found;
    }
    return "";
  }

  std::string check(const std::string& keyword, const json::value& rule, const json::value& value,
                    const json::object& schema, const std::string& at) const {
    if (keyword == "$schema" || keyword == "title" || keyword == "description" || keyword == "$defs") return "";
    if (keyword == "$ref") {
      const std::string target = text(rule.as_string());
      const auto hash = target.find("#/$defs/");
      if (hash == std::string::npos) throw std::logic_error("schema: cannot follow $ref " + target);
      const std::string name = target.substr(hash + std::string("#/$defs/").size());
      if (hash == 0) return fault(value, root_.at("$defs").at(name).as_object(), at);
      const JsonSchema neighbour = named(target.substr(0, hash));
      return neighbour.fault(value, neighbour.root_.at("$defs").at(name).as_object(), at);
    }
    if (keyword == "const") return value == rule ? "" : at + ": is not " + write_json_line(rule);
    if (keyword == "enum") {
      for (const auto& item : rule.as_array())
        if (item == value) return "";
      return at + ": " + write_json_line(value) + " is none of " + write_json_line(rule);
    }
    if (keyword == "type") {
      if (rule.is_string())
        return has_type(value, text(rule.as_string())) ? "" : at + ": is no " + text(rule.as_string());
      for (const auto& type : rule.as_array())
        if (has_type(value, text(type.as_string()))) return "";
      return at + ": is none of " + write_json_line(rule);
    }
    // A keyword about objects says nothing of a null that the type allows, and so on.
    if (!speaks_of(keyword, value)) return "";
    if (keyword == "minimum") return value.to_number<double>() >= rule.to_number<double>() ? "" : at + ": is too small";
    if (keyword == "maximum") return value.to_number<double>() <= rule.to_number<double>() ? "" : at + ": is too large";
    if (keyword == "minLength") {
      return value.as_string().size() >= static_cast<std::size_t>(rule.as_int64()) ? "" : at + ": is too short";
    }
    if (keyword == "pattern") {
      return std::regex_search(text(value.as_string()), std::regex(text(rule.as_string()))) ? ""
                                                                                            : at + ": has no such form";
    }
    if (keyword == "items") {
      for (std::size_t i = 0; i < value.as_array().size(); ++i) {
        auto found = fault(value.as_array()[i], rule.as_object(), at + "[" + std::to_string(i) + "]");
        if (!found.empty()) return found;
      }
      return "";
    }
    if (keyword == "required") {
      for (const auto& name : rule.as_array())
        if (value.as_object().find(name.as_string()) == value.as_object().end())
          return at + ": lacks " + text(name.as_string());
      return "";
    }
    if (keyword == "properties") {
      for (const auto& member : value.as_object()) {
        const auto property = rule.as_object().find(member.key());
        if (property == rule.as_object().end()) continue;
        auto found = fault(member.value(), property->value().as_object(), at + "." + std::string(member.key()));
        if (!found.empty()) return found;
      }
      return "";
    }
    if (keyword == "additionalProperties" && rule == false) {
      for (const auto& member : value.as_object())
        if (schema.at("properties").as_object().find(member.key()) == schema.at("properties").as_object().end())
          return at + ": " + std::string(member.key()) + " is not in the schema";
      return "";
    }
    throw std::logic_error("schema: keyword " + keyword + " is not supported by tests/support/json_schema.h");
  }

  json::value root_;
};

}  // namespace bh::test
