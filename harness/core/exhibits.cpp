#include "harness/core/exhibits.h"

#include <cmath>

namespace bh::harness {

namespace {

json::value number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? json::value(*value) : json::value(nullptr);
}

void append(Result& result, const char* key, json::object item) {
  json::value& list = result.details[key];
  if (!list.is_array()) list = json::array();
  list.as_array().push_back(std::move(item));
}

/// Reads an object leniently: what is not there or of another kind is empty.
class Item {
 public:
  explicit Item(const json::object& object) : object_(object) {}
  std::string text(std::string_view key) const {
    const json::value* value = find(object_, key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  std::int64_t integer(std::string_view key, std::int64_t otherwise) const {
    const json::value* value = find(object_, key);
    return value != nullptr && value->is_int64() ? value->get_int64() : otherwise;
  }
  std::optional<double> number(std::string_view key) const {
    const json::value* value = find(object_, key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
  }
  std::vector<double> numbers(std::string_view key) const {
    std::vector<double> all;
    const json::value* value = find(object_, key);
    if (value == nullptr || !value->is_array()) return all;
    for (const json::value& item : value->get_array()) {
      if (item.is_number()) all.push_back(item.to_number<double>());
    }
    return all;
  }

 private:
  const json::object& object_;
};

template <class Read>
auto read_all(const Result& result, std::string_view key, Read read) {
  std::vector<decltype(read(std::declval<Item>()))> all;
  const json::value* list = find(result.details, key);
  if (list == nullptr || !list->is_array()) return all;
  for (const json::value& item : list->get_array()) {
    if (item.is_object()) all.push_back(read(Item(item.get_object())));
  }
  return all;
}

}  // namespace

void add_exhibit(Result& result, const Comparison& c) {
  json::array pairs;
  for (const double ratio : c.pairs) pairs.push_back(number(ratio));
  append(result, "comparisons",
         {{"kind", c.kind},
          {"candidate", c.candidate},
          {"against", c.against},
          {"metric", c.metric},
          {"unit", c.unit},
          {"candidate_value", number(c.candidate_value)},
          {"against_value", number(c.against_value)},
          {"ratio", number(c.ratio)},
          {"low", number(c.low)},
          {"high", number(c.high)},
          {"noise_low", number(c.noise_low)},
          {"noise_high", number(c.noise_high)},
          {"margin", number(c.margin)},
          {"pairs", std::move(pairs)},
          {"conclusion", c.conclusion}});
}

void add_exhibit(Result& result, const LayerError& e) {
  append(result, "layers",
         {{"layer", e.layer}, {"op", e.op}, {"error", number(e.error)}, {"tolerance", number(e.tolerance)}});
}

void add_exhibit(Result& result, const Divergence& d) {
  append(result, "divergences",
         {{"prompt", d.prompt},
          {"position", d.position},
          {"margin", number(d.margin)},
          {"near_tie", number(d.near_tie)},
          {"ours", d.ours},
          {"theirs", d.theirs}});
}

std::vector<Comparison> comparisons_of(const Result& result) {
  return read_all(result, "comparisons", [](const Item& in) {
    return Comparison{in.text("kind"),
                      in.text("candidate"),
                      in.text("against"),
                      in.text("metric"),
                      in.text("unit"),
                      in.number("candidate_value"),
                      in.number("against_value"),
                      in.number("ratio"),
                      in.number("low"),
                      in.number("high"),
                      in.number("noise_low"),
                      in.number("noise_high"),
                      in.number("margin"),
                      in.numbers("pairs"),
                      in.text("conclusion")};
  });
}

std::vector<LayerError> layer_errors_of(const Result& result) {
  return read_all(result, "layers", [](const Item& in) {
    return LayerError{in.integer("layer", -1), in.text("op"), in.number("error"), in.number("tolerance")};
  });
}

std::vector<Divergence> divergences_of(const Result& result) {
  return read_all(result, "divergences", [](const Item& in) {
    return Divergence{in.text("prompt"),     in.integer("position", 0), in.number("margin"),
                      in.number("near_tie"), in.text("ours"),           in.text("theirs")};
  });
}

}  // namespace bh::harness
