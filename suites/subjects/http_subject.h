// A server as a subject: llama-server's own API where it is there, else OpenAI's completions, which know only text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/model/tokenizer.h"
#include "harness/core/subject.h"
#include "harness/io/child.h"
#include "harness/io/http.h"

namespace bh::suites {

/// Where a server does not tell the ids it generated, they are those of its text, tokenized again; facts.token_ids says
/// so. An OpenAI API tells no ids at all: those of settings.model's tokenizer stand for them, where a model was named.
class HttpSubject final : public harness::Subject {
 public:
  /// `server` is the child that serves settings.address, if we started it: it may still be loading.
  /// Throws SubjectError where nothing there speaks either API.
  HttpSubject(std::string name, const harness::SubjectSettings& settings, std::unique_ptr<harness::Child> server = {});

  harness::SubjectInfo describe() const override { return info_; }
  std::string why_not(harness::Ability ability) const override;
  std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override;
  std::string detokenize(std::span<const engine::TokenId> ids) override;
  std::vector<float> logits(std::span<const engine::TokenId> ids) override;
  engine::Generation generate(std::span<const engine::TokenId> prompt, const engine::GenerateOptions& options) override;
  void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) override;
  harness::Timing time(const harness::TimingRequest& request) override;

 private:
  void wait_until_loaded();
  void require_own_server();
  bool probe_llama_server();
  void probe_openai(const harness::SubjectSettings& settings);
  harness::HttpAnswer request(std::string_view path, const json::object* body);
  json::object ask(std::string_view path, const json::object& body);
  json::object parse(std::string_view path, const harness::HttpAnswer& answer);
  engine::Generation complete_llama(std::span<const engine::TokenId> prompt, const engine::GenerateOptions& options);
  engine::Generation complete_openai(std::span<const engine::TokenId> prompt, const engine::GenerateOptions& options);
  std::vector<engine::TokenId> ids_in(const json::object& object, std::string_view key, std::string_view path);
  [[noreturn]] void garbage(std::string_view path, std::string_view what) const;
  void require(harness::Ability ability) const;

  harness::HttpClient client_;
  std::unique_ptr<harness::Child> server_;
  std::chrono::milliseconds time_limit_;
  std::function<bool()> cancelled_;
  harness::SubjectInfo info_;
  bool llama_server_ = false;
  bool tells_ids_ = false;      ///< of what it generates
  bool tells_timings_ = false;  ///< of prefill and decoding apart
  std::optional<engine::Tokenizer> tokenizer_;
};

std::unique_ptr<harness::Subject> open_http_subject(const harness::SubjectSettings& settings);

}  // namespace bh::suites
