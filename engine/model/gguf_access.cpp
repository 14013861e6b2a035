// Typed access to the keys of a GGUF file: a key of another type is an error, never reinterpreted.
#include <limits>

#include "engine/model/gguf_values.h"

namespace bh::engine {
namespace {

[[noreturn]] void wrong_type(const GgufFile& file, std::string_view key, const GgufValue& value,
                             std::string_view wanted) {
  fail(ErrorKind::setup, "{}: the key \"{}\" is of type {}, not {}", file.where(), key, type_name(value), wanted);
}

std::int64_t to_signed(const GgufFile& file, std::string_view key, std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    fail(ErrorKind::setup, "{}: the key \"{}\" has the value {}, which is out of range", file.where(), key, value);
  return static_cast<std::int64_t>(value);
}

/// The value where it is held as T, nullptr where the key is missing.
template <class T>
const T* get(const GgufFile& file, std::string_view key, std::string_view wanted) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return nullptr;
  const T* data = std::get_if<T>(&value->data);
  if (data == nullptr) wrong_type(file, key, *value, wanted);
  return data;
}

}  // namespace

std::optional<std::string> GgufFile::get_string(std::string_view key) const {
  const auto* value = get<std::string>(*this, key, "a string");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::int64_t> GgufFile::get_int(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(&value->data)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value->data)) return to_signed(*this, key, *number);
  wrong_type(*this, key, *value, "an integer");
}

std::optional<double> GgufFile::get_float(std::string_view key) const {
  const auto* value = get<double>(*this, key, "a float");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<bool> GgufFile::get_bool(std::string_view key) const {
  const auto* value = get<bool>(*this, key, "a bool");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const GgufValue::Strings* GgufFile::get_strings(std::string_view key) const {
  return get<GgufValue::Strings>(*this, key, "an array of strings");
}

std::optional<std::vector<float>> GgufFile::get_floats(std::string_view key) const {
  const auto* values = get<std::vector<double>>(*this, key, "an array of floats");
  if (values == nullptr) return std::nullopt;
  std::vector<float> floats;
  floats.reserve(values->size());
  for (const double value : *values) floats.push_back(static_cast<float>(value));
  return floats;
}

std::optional<std::vector<std::int64_t>> GgufFile::get_ints(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* ints = std::get_if<std::vector<std::int64_t>>(&value->data)) return *ints;
  const auto* values = std::get_if<std::vector<std::uint64_t>>(&value->data);
  if (values == nullptr) wrong_type(*this, key, *value, "an array of integers");
  std::vector<std::int64_t> ints;
  ints.reserve(values->size());
  for (const std::uint64_t number : *values) ints.push_back(to_signed(*this, key, number));
  return ints;
}

}  // namespace bh::engine
