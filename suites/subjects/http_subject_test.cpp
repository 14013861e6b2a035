#include "suites/subjects/http_subject.h"

#include <array>
#include <chrono>
#include <map>

#include "engine/base/error.h"
#include "suites/subjects/subject_options.h"
#include "suites/subjects/subjects.h"
#include "tests/support/catch.h"
#include "tests/support/fake_server.h"
#include "tests/support/files.h"

using namespace bh;
using namespace bh::suites;
using bh::test::FakeServer;
using engine::TokenId;
using harness::Ability;
using harness::SubjectError;
using harness::SubjectFault;

namespace {

/// A llama-server that says "hi", as the ids 7 and 8; `changed` may answer first.
FakeServer::Handler llama(const FakeServer::Handler& changed = {}) {
  return [changed](const FakeServer::Request& request) -> std::string {
    if (changed) {
      if (std::string reply = changed(request); !reply.empty()) return reply;
    }
    if (request.path == "/health") return FakeServer::ok(R"({"status":"ok"})");
    if (request.path == "/props") {
      return FakeServer::ok(R"({"default_generation_settings":{"n_ctx":64},"build_info":"b1","model_path":"/m.gguf"})");
    }
    if (request.path == "/tokenize") return FakeServer::ok(R"({"tokens":[1,2]})");
    if (request.path == "/detokenize") return FakeServer::ok(R"({"content":"ab"})");
    if (request.path == "/completion" && request.body.find("\"n_predict\":1,") != std::string::npos) {
      return FakeServer::ok(R"({"content":"h","tokens":[7],"timings":{"prompt_ms":1,"predicted_ms":1}})");
    }
    if (request.path == "/completion") {
      return FakeServer::ok(
          R"({"content":"hi","tokens":[7,8],"stop_type":"limit","timings":{"prompt_ms":2.5,"predicted_ms":4}})");
    }
    return FakeServer::status("404 Not Found", R"({"error":{"message":"no such page"}})");
  };
}

harness::SubjectSettings settings_of(const FakeServer& server) {
  harness::SubjectSettings settings;
  settings.address = server.url();
  settings.time_limit = std::chrono::milliseconds(5000);
  return settings;
}

engine::GenerateOptions greedy(int tokens) {
  engine::GenerateOptions options;
  options.max_tokens = tokens;
  options.ignore_eog = true;
  options.sampling.temperature = 0;
  return options;
}

SubjectFault fault_of_opening(FakeServer::Handler handler, std::string& message, int milliseconds = 5000) {
  FakeServer server(std::move(handler));
  try {
    auto settings = settings_of(server);
    settings.time_limit = std::chrono::milliseconds(milliseconds);
    HttpSubject("http", settings);
  } catch (const SubjectError& error) {
    message = error.what();
    return error.fault;
  }
  FAIL("nothing was wrong with it");
  return {};
}

}  // namespace

TEST_CASE("a llama-server tokenizes, generates and times; it gives no logits and says why") {
  FakeServer server(llama());
  HttpSubject subject("http", settings_of(server));
  const auto info = subject.describe();
  CHECK(info.version == "b1");
  CHECK(info.n_ctx == 64);
  CHECK(info.model_path == "/m.gguf");
  CHECK(info.facts.at("api").as_string() == "llama-server");
  CHECK(subject.tokenize("ab", {}) == std::vector<TokenId>{1, 2});
  CHECK(subject.detokenize(std::vector<TokenId>{1, 2}) == "ab");
  const auto generation = subject.generate(std::vector<TokenId>{1, 2}, greedy(2));
  CHECK(generation.ids == std::vector<TokenId>{7, 8});
  CHECK(generation.text == "hi");
  CHECK(generation.prefill_ns == 2'500'000);
  CHECK(generation.decode_ns == 4'000'000);
  CHECK(server.requests().back().body.find("\"prompt\":[1,2],\"n_predict\":2,\"temperature\":0") != std::string::npos);
  const auto timing = subject.time({{1, 2}, 2, false});
  CHECK(timing.ids == std::vector<TokenId>{7, 8});
  for (const Ability ability : {Ability::tokenize, Ability::generate, Ability::sample, Ability::timing}) {
    CHECK(subject.why_not(ability).empty());
  }
  CHECK_THROWS_WITH(subject.logits(std::vector<TokenId>{1}), subject.why_not(Ability::logits));
  CHECK_THROWS_WITH(subject.trace(std::vector<TokenId>{1}, {}), subject.why_not(Ability::trace));
  CHECK_THROWS_WITH(subject.tokenize("\xff", {}), Catch::Contains("not UTF-8"));
}

TEST_CASE("an older llama-server tells no ids: they are those of its text, and its speed is not taken from it") {
  FakeServer server(llama([](const FakeServer::Request& request) -> std::string {
    return request.path == "/completion" ? FakeServer::ok(R"({"content":"hi","stopped_eos":true})") : "";
  }));
  HttpSubject subject("http", settings_of(server));
  CHECK(subject.describe().facts.at("token_ids").as_string() == "of the text, tokenized again");
  CHECK_FALSE(subject.why_not(Ability::timing).empty());
  const auto generation = subject.generate(std::vector<TokenId>{1}, greedy(2));
  CHECK(generation.ids == std::vector<TokenId>{1, 2});
  CHECK(generation.stop_reason == engine::StopReason::eog);
}

TEST_CASE("an OpenAI API is used with the tokenizer of the model that was named, and not without") {
  FakeServer server([](const FakeServer::Request& request) {
    if (request.path == "/v1/models") return FakeServer::ok(R"({"data":[{"id":"tiny"}]})");
    if (request.path == "/v1/completions") {
      return FakeServer::ok(R"({"choices":[{"text":" the heaven STOP and","finish_reason":"length"}]})");
    }
    return FakeServer::status("404 Not Found", "");
  });
  auto settings = settings_of(server);
  settings.address += "/v1/";
  HttpSubject text_only("http", settings);
  CHECK(text_only.describe().facts.at("api").as_string() == "OpenAI");
  CHECK(text_only.why_not(Ability::generate).find("-m") != std::string::npos);
  CHECK_THROWS_WITH(text_only.tokenize("a", {}), text_only.why_not(Ability::tokenize));
  settings.model = test::shipped_model() / "kjv-3m-i2_s.gguf";
  HttpSubject subject("http", settings);
  const auto prompt = subject.tokenize("In the beginning God created", {});
  auto options = greedy(4);
  options.stop_texts = {" and", " STOP"};
  const auto generation = subject.generate(prompt, options);
  CHECK(generation.text == " the heaven");
  CHECK(generation.stop_reason == engine::StopReason::stop_text);
  CHECK_FALSE(generation.ids.empty());
  CHECK(server.requests().back().body.find("\"prompt\":\"In the beginning God created\"") != std::string::npos);
  CHECK_FALSE(subject.why_not(Ability::timing).empty());
}

TEST_CASE("each way a server misbehaves is a named outcome") {
  using F = SubjectFault;
  std::string message;
  const auto answering = [](const char* path, const std::string& reply) {
    return llama([=](const FakeServer::Request& request) { return request.path == path ? reply : std::string(); });
  };
  const auto check = [&](FakeServer::Handler handler, F fault, const std::string& words) {
    const F found = fault_of_opening(std::move(handler), message);
    CHECK(to_string(found) == to_string(fault));
    CAPTURE(message);
    CHECK(message.find(words) != std::string::npos);
  };
  check(answering("/completion", FakeServer::status("500 Oops", R"({"error":{"message":"out of slots"}})")), F::refused,
        "status 500: out of slots");
  check(answering("/completion", FakeServer::ok("<html>")), F::garbage, "/completion");
  check(answering("/tokenize", FakeServer::ok(R"({"tokens":["a"]})")), F::garbage, "something else than token ids");
  check(answering("/tokenize", FakeServer::ok(R"({"tokens":[]})")), F::garbage, "no token for a letter");
  check(answering("/props", FakeServer::ok("[1]")), F::garbage, "no JSON object");
  check(answering("/props", FakeServer::status("401 Unauthorized", "")), F::refused, "--api-key-file");
  check(answering("/props", FakeServer::status("302 Found", "", "Location: file:///etc/passwd\r\n")), F::refused,
        "redirects");
  check([](const FakeServer::Request&) { return FakeServer::status("404 Not Found", ""); }, F::refused, "neither");
  check([](const FakeServer::Request&) { return std::string(); }, F::crashed, "no whole answer");
  check(
      [](const FakeServer::Request& request) {
        return request.path == "/v1/models" ? FakeServer::ok(R"({"data":[]})") : FakeServer::status("404 No", "");
      },
      F::garbage, "no model in it");
  CHECK(fault_of_opening([](const FakeServer::Request&) { return FakeServer::status("503 Busy", "{}"); }, message,
                         300) == F::hung);
  CHECK(message.find("was still loading") != std::string::npos);
}

TEST_CASE("an answer that says nothing useful later on is garbage, too") {
  int completions = 0;
  FakeServer server(llama([&](const FakeServer::Request& request) -> std::string {
    if (request.path != "/completion" || completions++ == 0) return {};
    return FakeServer::ok(completions == 2
                              ? R"({"content":"hi","tokens":[7],"timings":{"prompt_ms":-4}})"
                              : R"({"content":"h","tokens":[7],"timings":{"prompt_ms":1,"predicted_ms":1}})");
  }));
  HttpSubject subject("http", settings_of(server));
  CHECK_THROWS_WITH(subject.generate(std::vector<TokenId>{1}, greedy(3)), Catch::Contains("timings that are none"));
  CHECK_THROWS_WITH(subject.time({{1}, 3, false}), Catch::Contains("1 tokens, 3 were asked for"));
}

TEST_CASE("the option --subject takes a name or a URL, and refuses what does not fit it") {
  static constexpr std::array kRows = {subject_rows::kSubject, subject_rows::kSubjectAddress, subject_rows::kApiKeyFile,
                                       subject_rows::kTimeLimit};
  const auto choose = [](const std::map<std::string, std::string>& values) {
    const auto options = harness::Options::of(kRows, values);
    harness::SubjectSettings settings;
    apply_subject_options(options, settings);
    return std::pair(std::string(choose_subject(subjects(), options).name), settings);
  };
  CHECK(choose({}).first == "engine");
  const auto [name, settings] = choose({{"subject", "http://127.0.0.1:8080"}, {"time-limit", "2.5"}});
  CHECK(name == "http");
  CHECK(settings.address == "http://127.0.0.1:8080");
  CHECK(settings.time_limit == std::chrono::milliseconds(2500));
  CHECK(choose({{"subject", "bitnet_cpp"}, {"subject-address", "/opt/x"}}).second.address == "/opt/x");
  CHECK_THROWS_WITH(choose({{"subject", "oracle"}}), Catch::Contains("engine, mock, bitnet_cpp, http, previous_build"));
  CHECK_THROWS_WITH(choose({{"subject-address", "/opt/x"}}), Catch::Contains("part of this program"));
  CHECK_THROWS_WITH(choose({{"subject", "http://a"}, {"subject-address", "b"}}), Catch::Contains("an address already"));
  CHECK_THROWS_WITH(choose({{"subject", "mock"}, {"api-key-file", "k"}}), Catch::Contains("is for a server"));
  CHECK_THROWS_WITH(open_http_subject({}), Catch::Contains("address"));
}
