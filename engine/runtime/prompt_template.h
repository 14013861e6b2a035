// Turning messages into the text a model was trained on. Templates: raw, instruct, llama3-chat, bitnet-chat.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::engine {

struct Message {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// A row of the template list.
struct PromptTemplate {
  std::string_view name;
  std::string_view description;
  std::vector<std::string> markers;  ///< control tokens that the rendered text holds in clear
  std::vector<std::string> stop_texts;
  /// Text ready for the tokenizer (which adds BOS); ends where the assistant's answer begins.
  std::string (*render)(std::span<const Message> messages);

  bool parse_special() const noexcept { return !markers.empty(); }
};

/// raw | instruct | llama3-chat | bitnet-chat (Hugging Face form) | bitnet-chat-reference (llama-cli's form).
std::span<const PromptTemplate> prompt_templates();
/// Throws Error(usage) listing the names.
const PromptTemplate& find_prompt_template(std::string_view name);
/// Markers that this vocabulary has no token for: the model would read them as plain text.
std::vector<std::string> missing_markers(const PromptTemplate& form, const Tokenizer& tokenizer);

}  // namespace bh::engine
