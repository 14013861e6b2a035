// Looking for values in answers that may hold anything: what is not there, or of another type, is empty.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/json.h"

namespace bh::suites {

inline const json::object* object_in(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

inline std::string text_in(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// NaN where there is no number.
inline double number_in(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : std::nan("");
}

inline std::int32_t int32_in(const json::object& object, std::string_view key) {
  const double value = number_in(object, key);
  return value >= 0 && value <= 1 << 30 ? static_cast<std::int32_t>(value) : 0;
}

}  // namespace bh::suites
