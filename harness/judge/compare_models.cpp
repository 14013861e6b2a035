// The configuration's and the vocabulary's part of compare_models.h; compare_weights.cpp has the weights'.
#include "harness/judge/compare_models.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/model/architecture.h"

namespace bh::harness {

using engine::TokenId;
using engine::TokenType;
using engine::Vocabulary;

namespace {

class Fields {
 public:
  template <class T>
  void add(std::string key, const T& left, const T& right, bool required = true) {
    all_.push_back({std::move(key), fmt::format("{}", left), fmt::format("{}", right), left == right, required});
  }
  /// Equal where the sides differ in words only, which are told all the same.
  void add_told(std::string key, std::string left, std::string right, bool equal) {
    all_.push_back({std::move(key), std::move(left), std::move(right), equal, false});
  }
  /// Long lists are told by their length and the place of the first difference.
  template <class List>
  void add_list(std::string key, const List& left, const List& right, std::size_t common, std::string_view what) {
    const auto end = left.begin() + static_cast<std::ptrdiff_t>(common);
    const auto place = std::mismatch(left.begin(), end, right.begin());
    const bool equal = place.first == end;
    const auto index = place.first - left.begin();
    const auto say = [&](const List& list, std::size_t size) {
      return equal ? fmt::format("{} {}", size, what)
                   : fmt::format("{} {}, at {}: \"{}\"", size, what, index, list[static_cast<std::size_t>(index)]);
    };
    all_.push_back({std::move(key), say(left, left.size()), say(right, right.size()), equal, true});
  }
  std::vector<FieldComparison> take() { return std::move(all_); }

 private:
  std::vector<FieldComparison> all_;
};

/// Ids that stand for themselves in a text, and those that end a generation.
template <class Matches>
std::string ids_where(const Vocabulary& vocabulary, const Matches& matches) {
  std::string text;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (matches(static_cast<TokenId>(id))) text += fmt::format("{}{}", text.empty() ? "" : " ", id);
  }
  return text;
}

bool is_special(TokenType type) noexcept {
  return type == TokenType::control || type == TokenType::user_defined || type == TokenType::unknown;
}

std::size_t used_tokens(const Vocabulary& vocabulary) {
  std::size_t size = vocabulary.tokens.size();
  while (size > 0 && vocabulary.types[size - 1] == TokenType::unused) --size;
  return size;
}

/// A form that has no key for it (GGUF) takes what the pre-tokenizer implies. That gives the same ids as long as
/// merging reaches every token; only the text of one that it does not reach becomes other ids.
void add_ignore_merges(Fields& fields, const engine::Tokenizer& left, const engine::Tokenizer& right) {
  std::string a = fmt::format("{}", left.ignores_merges()), b = fmt::format("{}", right.ignores_merges());
  if (a == b) return fields.add_told("ignore_merges", a, b, true);
  std::int64_t differing = 0;
  for (TokenId id = 0; id < std::min(left.size(), right.size()); ++id) {
    const std::string text = left.piece(id);
    const auto ids = left.encode(text, {false, false}), others = right.encode(text, {false, false});
    if (ids == others || differing++ > 0) continue;
    a += fmt::format(": token {} is encoded as {}", id, fmt::join(ids, " "));
    b += fmt::format(": token {} is encoded as {}", id, fmt::join(others, " "));
  }
  if (differing > 1) b += fmt::format(", and {} more differ", differing - 1);
  fields.add_told("ignore_merges", std::move(a), std::move(b), differing == 0);
}

std::string activation(const engine::Config& config) {
  return config.activation == engine::Activation::silu ? "silu" : "squared_relu";
}

}  // namespace

std::vector<FieldComparison> compare_configs(const engine::Model& left, const engine::Model& right) {
  Fields fields;
  const engine::Config &a = left.config, &b = right.config;
  fields.add("architecture", a.architecture, b.architecture, false);  // names for one graph differ: the rest says which
  fields.add("n_vocab", a.n_vocab, b.n_vocab);
  fields.add("n_ctx", a.n_ctx, b.n_ctx);
  fields.add("n_embd", a.n_embd, b.n_embd);
  fields.add("n_layer", a.n_layer, b.n_layer);
  fields.add("n_head", a.n_head, b.n_head);
  fields.add("n_head_kv", a.n_head_kv, b.n_head_kv);
  fields.add("head_dim", a.head_dim, b.head_dim);
  fields.add("n_ff", a.n_ff, b.n_ff);
  fields.add("rms_eps", a.rms_eps, b.rms_eps);
  fields.add("rope_base", a.rope_base, b.rope_base);
  fields.add("rope_factor", a.rope_factor, b.rope_factor);
  fields.add("activation", activation(a), activation(b));
  fields.add("sub_norms", a.sub_norms, b.sub_norms);
  fields.add("tied_output", left.tied_output, right.tied_output);
  return fields.take();
}

std::vector<FieldComparison> compare_vocabularies(const engine::Tokenizer& left, const engine::Tokenizer& right) {
  Fields fields;
  const Vocabulary &a = left.vocabulary(), &b = right.vocabulary();
  const std::size_t common = std::min(a.tokens.size(), b.tokens.size());
  fields.add("model", a.model, b.model);
  fields.add("used_tokens", used_tokens(a), used_tokens(b));
  fields.add_list("tokens", a.tokens, b.tokens, std::min(common, std::max(used_tokens(a), used_tokens(b))), "tokens");
  fields.add("merge_count", a.merges.size(), b.merges.size());
  fields.add_list("merges", a.merges, b.merges, std::min(a.merges.size(), b.merges.size()), "merges");
  fields.add("bos", a.bos, b.bos);
  fields.add("eos", a.eos, b.eos);
  fields.add("padding", a.padding, b.padding);
  fields.add("add_bos", a.add_bos, b.add_bos);
  fields.add("add_eos", a.add_eos, b.add_eos);
  const auto special = [](const Vocabulary& vocabulary) {
    return ids_where(vocabulary,
                     [&](TokenId id) { return is_special(vocabulary.types[static_cast<std::size_t>(id)]); });
  };
  fields.add("special_tokens", special(a), special(b));
  fields.add("end_of_generation", ids_where(a, [&](TokenId id) { return left.is_eog(id); }),
             ids_where(b, [&](TokenId id) { return right.is_eog(id); }));
  // What these lead to shows in the ids of texts.
  fields.add("pre", a.pre, b.pre, false);
  add_ignore_merges(fields, left, right);
  fields.add("chat_template", a.chat_template, b.chat_template, false);
  return fields.take();
}

json::array to_json(const std::vector<FieldComparison>& fields) {
  json::array list;
  for (const FieldComparison& field : fields) {
    list.push_back(json::object{{"key", field.key},
                                {"left", field.left},
                                {"right", field.right},
                                {"equal", field.equal},
                                {"required", field.required}});
  }
  return list;
}

}  // namespace bh::harness
