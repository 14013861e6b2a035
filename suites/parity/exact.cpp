// The exact tier: what the two files hold, tensor by tensor, and what their tokenizers make of hard strings.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/model/hf_names.h"
#include "generated/bh_parity.h"
#include "harness/core/text.h"
#include "suites/parity/cases.h"

namespace bh::suites::parity {

using engine::Matrix;
using engine::TokenId;
using harness::FieldComparison;
using harness::Result;
using harness::StoredScale;
using harness::WeightDifference;

namespace {

std::string short_name(const std::string& tensor) { return std::string(engine::without_weight(tensor)); }

Result compare_fields(const std::vector<FieldComparison>& fields) {
  Result result;
  std::int64_t required = 0, differing = 0;
  for (const FieldComparison& field : fields) {
    if (!field.required) continue;
    ++required;
    if (field.equal) continue;
    ++differing;
    result.reason += fmt::format("{}{} is {} in the folder, {} in the GGUF file", result.reason.empty() ? "" : "; ",
                                 field.key, field.left, field.right);
  }
  add(result, "fields", static_cast<double>(required));
  add(result, "differing_fields", static_cast<double>(differing));
  result.details["fields"] = to_json(fields);
  return result;
}

Result begin(const std::string& tensor) {
  Result result;
  result.details["tensor"] = tensor;
  result.details["hf_tensor"] = engine::hf_tensor_name(tensor);
  return result;
}

void finish(Result& result, const std::string& tensor, const WeightDifference& difference, std::string_view what) {
  add(result, "comparable", difference.mismatch.empty() ? 1 : 0);
  add(result, "values", static_cast<double>(difference.compared));
  add(result, "differing", static_cast<double>(difference.differing));
  add(result, "max_difference", difference.max_difference);
  result.details["difference"] = to_json(difference);
  if (!difference.equal()) result.reason = fmt::format("{}: {}: {}", short_name(tensor), what, describe(difference));
}

/// One of the two lacks the tensor.
WeightDifference missing(bool left, bool right) {
  WeightDifference difference;
  if (!left || !right)
    difference.mismatch = fmt::format("it is missing in the {}", left ? "GGUF file" : right ? "folder" : "two files");
  return difference;
}

template <class Compare>
Result compare_matrices(Pair& pair, const std::string& tensor, std::string_view what, const Compare& compare) {
  Result result = begin(tensor);
  const Matrix *left = find_matrix(pair.left(), tensor), *right = find_matrix(pair.right(), tensor);
  if (left != nullptr) result.details["left_type"] = left->format->name;
  if (right != nullptr) result.details["right_type"] = right->format->name;
  const auto difference = left == nullptr || right == nullptr ? missing(left != nullptr, right != nullptr)
                                                              : compare(harness::MatrixOf{pair.left().config, *left},
                                                                        harness::MatrixOf{pair.right().config, *right});
  finish(result, tensor, difference, what);
  return result;
}

json::object to_json(const StoredScale& scale) {
  return {{"stored", scale.stored},
          {"value", scale.value},
          {"type", engine::weight_format(scale.type).name},
          {"reciprocal", scale.reciprocal}};
}

struct HardString {
  std::string name, text;
};

std::vector<HardString> battery() {
  const std::string what = "tokenizer_battery.json";
  const json::value document = parse_json(embedded::parity::tokenizer_battery_json(), what);
  std::vector<HardString> strings;
  for (const json::value& item : document.at("cases").as_array()) {
    strings.push_back({get_string(item.as_object(), "name", what), get_string(item.as_object(), "text", what)});
  }
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  strings.push_back({"all 256 bytes", bytes});
  strings.push_back({"broken UTF-8", "\xff\xfe lone \x80 and cut \xe6\x97"});
  return strings;
}

json::value id_at(const std::vector<TokenId>& ids, std::size_t index) {
  return index < ids.size() ? json::value(ids[index]) : json::value(nullptr);
}

}  // namespace

Result check_metadata(Pair& pair) { return compare_fields(harness::compare_configs(pair.left(), pair.right())); }

Result check_vocabulary(Pair& pair) {
  return compare_fields(harness::compare_vocabularies(pair.left().tokenizer, pair.right().tokenizer));
}

Result check_token_ids(Pair& pair) {
  Result result;
  json::array differences;
  const auto strings = battery();
  for (const HardString& string : strings) {
    const auto left = pair.left().tokenizer.encode(string.text), right = pair.right().tokenizer.encode(string.text);
    if (left == right) continue;
    const auto common = static_cast<std::ptrdiff_t>(std::min(left.size(), right.size()));
    const auto index = static_cast<std::size_t>(
        std::mismatch(left.begin(), left.begin() + common, right.begin()).first - left.begin());
    if (differences.empty()) {
      result.reason =
          fmt::format("the ids of \"{}\" differ first at index {}: {} in the folder, {} in the GGUF file{}",
                      string.name, index, write_json_line(id_at(left, index)), write_json_line(id_at(right, index)),
                      pair.right().tokenizer.vocabulary().pre.empty()
                          ? "; the file names no pre-tokenizer: --pre llama-bpe says which it was trained with"
                          : "");
    }
    differences.push_back(json::object{{"name", string.name},
                                       {"text", harness::to_valid_utf8(string.text)},
                                       {"index", index},
                                       {"left", id_at(left, index)},
                                       {"right", id_at(right, index)}});
  }
  add(result, "strings", static_cast<double>(strings.size()));
  add(result, "differing_strings", static_cast<double>(differences.size()));
  result.details["differences"] = std::move(differences);
  return result;
}

Result check_codes(Pair& pair, const std::string& tensor) {
  return compare_matrices(pair, tensor, "codes", harness::compare_codes);
}

Result check_embeddings(Pair& pair, const std::string& tensor) {
  Result result = compare_matrices(pair, tensor, "values", harness::compare_floats);
  const Matrix* const stored[] = {find_matrix(pair.left(), tensor), find_matrix(pair.right(), tensor)};
  std::string lossy;
  for (const Matrix* matrix : stored) {
    if (matrix != nullptr && matrix->format->rounding_row != nullptr) lossy = matrix->format->name;
  }
  result.details["equal_if"] = lossy.empty() ? "equal after rounding to the coarser type"
                                             : "no farther apart than rounding to blocks of " + lossy + " implies";
  return result;
}

Result check_norm(Pair& pair, const std::string& tensor) {
  Result result = begin(tensor);
  const auto *left = find_norm(pair.left(), tensor), *right = find_norm(pair.right(), tensor);
  const auto difference = left == nullptr || right == nullptr ? missing(left != nullptr, right != nullptr)
                                                              : harness::compare_values(*left, *right);
  finish(result, tensor, difference, "weights");
  return result;
}

Result check_scale(Pair& pair, const std::string& tensor) {
  Result result = begin(tensor);
  const auto left = pair.left_scales().find(tensor), right = pair.right_scales().find(tensor);
  const bool both = left != pair.left_scales().end() && right != pair.right_scales().end();
  WeightDifference difference;
  if (!both) {
    difference.mismatch = "one side has no scale: its weights are not ternary, or missing";
  } else {
    const StoredScale &a = left->second, &b = right->second;
    difference.compared = 1;
    difference.identical = a.value == b.value;
    difference.max_difference = std::abs(static_cast<double>(a.value) - b.value);
    if (!harness::same_scale(a, b)) difference.differing = 1;
    result.details["left"] = to_json(a);
    result.details["right"] = to_json(b);
  }
  finish(result, tensor, difference, "scale");
  if (both && !difference.equal()) {
    result.reason = fmt::format(
        "{}: the scale is {} ({}) in the folder, {} ({}) in the GGUF file, and not equal after "
        "rounding to the coarser type",
        short_name(tensor), left->second.value, engine::weight_format(left->second.type).name, right->second.value,
        engine::weight_format(right->second.type).name);
  }
  return result;
}

}  // namespace bh::suites::parity
