#include "engine/runtime/prompt_template.h"

#include "engine/base/error.h"
#include "tests/support/catch.h"

using namespace bh::engine;

namespace {

const std::vector<Message> kChat = {
    {"system", "  Be brief.\n"}, {"user", " Hi\xC2\xA0"}, {"assistant", "Hello."}, {"user", "Why?"}};

std::string render(std::string_view name, const std::vector<Message>& messages = kChat) {
  return find_prompt_template(name).render(messages);
}

}  // namespace

TEST_CASE("each prompt template renders as its model was trained") {
  REQUIRE(render("raw") == "  Be brief.\n\n Hi\xC2\xA0\nHello.\nWhy?");
  REQUIRE(render("instruct") == "Be brief.\n\nQ: Hi\nA: Hello.\n\nQ: Why?\nA:");
  REQUIRE(render("llama3-chat") ==
          "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
          "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
          "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
          "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
          "<|start_header_id|>assistant<|end_header_id|>\n\n");
  REQUIRE(render("bitnet-chat") ==
          "System: Be brief.<|eot_id|>User: Hi<|eot_id|>Assistant: Hello.<|eot_id|>User: Why?<|eot_id|>Assistant: ");
  REQUIRE(render("bitnet-chat-reference") ==
          "System:   Be brief.\nUser:  Hi\xC2\xA0<|eot_id|>Assistant: Hello.User: Why?<|eot_id|>Assistant: ");
}

TEST_CASE("only templates that put control tokens into the text have them parsed") {
  for (const PromptTemplate& row : prompt_templates()) {
    const bool holds_control = row.render(kChat).find("<|") != std::string::npos;
    REQUIRE(row.parse_special() == holds_control);
    for (const std::string& marker : row.markers) REQUIRE(row.render(kChat).find(marker) != std::string::npos);
    REQUIRE(&find_prompt_template(row.name) == &row);
    REQUIRE_FALSE(row.description.empty());
  }
}

TEST_CASE("white space inside a message survives, and a message of nothing else is empty") {
  REQUIRE(render("bitnet-chat", {{"user", "\xE3\x80\x80 a  b \r\n"}}) == "User: a  b<|eot_id|>Assistant: ");
  REQUIRE(render("bitnet-chat", {{"user", " \n\t"}}) == "User: <|eot_id|>Assistant: ");
  REQUIRE(render("raw", {}).empty());
}

TEST_CASE("unknown templates and roles are usage errors that name the choices") {
  const auto message_of = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const bh::Error& error) {
      REQUIRE(error.kind() == bh::ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  const std::string unknown = message_of([] { find_prompt_template("chatml"); });
  for (const PromptTemplate& row : prompt_templates()) REQUIRE(unknown.find(row.name) != std::string::npos);
  for (const PromptTemplate& row : prompt_templates()) {
    const std::vector<Message> messages = {{"robot", "Hi"}};
    REQUIRE(message_of([&] { row.render(messages); }).find("robot") != std::string::npos);
  }
}
