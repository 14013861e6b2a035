#include "engine/runtime/prompt_template.h"

#include <algorithm>
#include <array>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

// What Python's str.strip() removes, since the templates that models ship with are run by Python.
constexpr std::array<std::string_view, 29> kWhiteSpace = {
    "\t",           "\n",           "\v",           "\f",           "\r",
    "\x1C",         "\x1D",         "\x1E",         "\x1F",         " ",
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

std::string_view trim(std::string_view text) {
  const auto find_space = [](auto matches) { return std::find_if(kWhiteSpace.begin(), kWhiteSpace.end(), matches); };
  while (true) {
    const auto front = find_space([&](std::string_view space) { return text.substr(0, space.size()) == space; });
    if (front == kWhiteSpace.end()) break;
    text.remove_prefix(front->size());
  }
  while (true) {
    const auto back = find_space([&](std::string_view space) {
      return text.size() >= space.size() && text.substr(text.size() - space.size()) == space;
    });
    if (back == kWhiteSpace.end()) return text;
    text.remove_suffix(back->size());
  }
}

enum class Role { system, user, assistant };

Role role_of(const Message& message) {
  if (message.role == "system") return Role::system;
  if (message.role == "user") return Role::user;
  if (message.role == "assistant") return Role::assistant;
  fail(ErrorKind::usage, "a message has the role \"{}\"; use system, user or assistant", message.role);
}

std::string_view capitalised(Role role) {
  switch (role) {
    case Role::system:
      return "System";
    case Role::user:
      return "User";
    case Role::assistant:
      break;
  }
  return "Assistant";
}

std::string render_raw(std::span<const Message> messages) {
  std::string text;
  for (const Message& message : messages) {
    role_of(message);
    if (&message != &messages.front()) text += '\n';
    text += message.content;
  }
  return text;
}

std::string render_instruct(std::span<const Message> messages) {
  std::string text;
  for (const Message& message : messages) {
    const std::string_view content = trim(message.content);
    switch (role_of(message)) {
      case Role::system:
        text += fmt::format("{}\n\n", content);
        break;
      case Role::user:
        text += fmt::format("Q: {}\n", content);
        break;
      case Role::assistant:
        text += fmt::format("A: {}\n\n", content);
        break;
    }
  }
  return text + "A:";
}

std::string render_llama3(std::span<const Message> messages) {
  std::string text;
  for (const Message& message : messages) {
    role_of(message);
    text += fmt::format("<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>", message.role, trim(message.content));
  }
  return text + "<|start_header_id|>assistant<|end_header_id|>\n\n";
}

// The space at the end is a token of its own, and the model was trained with it.
std::string render_bitnet(std::span<const Message> messages) {
  std::string text;
  for (const Message& message : messages)
    text += fmt::format("{}: {}<|eot_id|>", capitalised(role_of(message)), trim(message.content));
  return text + "Assistant: ";
}

// llama-cli of bitnet.cpp, letter for letter: no end of turn after system and assistant, nothing trimmed, and the
// assistant's turn opens right behind the user's.
std::string render_bitnet_reference(std::span<const Message> messages) {
  std::string text;
  for (const Message& message : messages) {
    switch (role_of(message)) {
      case Role::system:
        text += "System: " + message.content;
        break;
      case Role::user:
        text += "User: " + message.content + "<|eot_id|>Assistant: ";
        break;
      case Role::assistant:
        text += message.content;
        break;
    }
  }
  return text;
}

// Stop texts repeat the end-of-turn tokens for models that spell them out; the tokens themselves end a generation
// anyway (Tokenizer::is_eog).
const std::vector<PromptTemplate>& templates() {
  static const std::vector<std::string> kControlTexts = {"<|eot_id|>", "<|end_of_text|>"};
  static const std::vector<PromptTemplate> kTemplates = {
      {"raw", "the messages' text and nothing else, one below the other", {}, {}, render_raw},
      {"instruct",
       "for base models: the system text, then \"Q: ...\" and \"A: ...\" in turn",
       {},
       {"\nQ:"},
       render_instruct},
      {"llama3-chat",
       "Llama 3 Instruct: role headers, each turn ended by <|eot_id|>",
       {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       kControlTexts,
       render_llama3},
      {"bitnet-chat",
       "BitNet 2B4T as its Hugging Face template has it: \"User: ...<|eot_id|>Assistant: \"",
       {"<|eot_id|>"},
       kControlTexts,
       render_bitnet},
      {"bitnet-chat-reference",
       "BitNet 2B4T as bitnet.cpp's llama-cli renders it: <|eot_id|> after user turns only",
       {"<|eot_id|>"},
       kControlTexts,
       render_bitnet_reference}};
  return kTemplates;
}

}  // namespace

std::span<const PromptTemplate> prompt_templates() { return templates(); }

const PromptTemplate& find_prompt_template(std::string_view name) {
  std::string names;
  for (const PromptTemplate& candidate : templates()) {
    if (candidate.name == name) return candidate;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", candidate.name);
  }
  fail(ErrorKind::usage, "there is no prompt template \"{}\"; use one of: {}", name, names);
}

std::vector<std::string> missing_markers(const PromptTemplate& form, const Tokenizer& tokenizer) {
  std::vector<std::string> missing;
  for (const std::string& marker : form.markers) {
    if (tokenizer.encode(marker, {.add_special = false, .parse_special = true}).size() != 1) missing.push_back(marker);
  }
  return missing;
}

}  // namespace bh::engine
