// What the readers of a Hugging Face folder's tokenizer files share.
#pragma once

#include <filesystem>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/vocabulary.h"

namespace bh::engine {

/// Adds what tokenizer_config.json, generation_config.json and chat_template.jinja say, where they are present. Ids
/// that are set already stay. `template_decides`: a post-processor has said which tokens go in front and behind.
void read_hf_configs(const std::filesystem::path& folder, bool template_decides, LoadedVocabulary& loaded);

inline std::string_view text_of(const json::string& string) noexcept { return {string.data(), string.size()}; }

inline const json::object& object_of(const json::value& value, std::string_view what) {
  if (!value.is_object()) fail(ErrorKind::setup, "{}: an object is due here", what);
  return value.get_object();
}

/// The member unless it is missing or null.
inline const json::value* present(const json::object& object, std::string_view key) noexcept {
  const json::value* value = find(object, key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

inline bool flag(const json::object& object, std::string_view key, bool otherwise, std::string_view what) {
  return present(object, key) == nullptr ? otherwise : get_bool(object, key, what);
}

inline bool equals(const json::value* value, std::string_view text) noexcept {
  return value != nullptr && value->is_string() && text_of(value->get_string()) == text;
}

}  // namespace bh::engine
