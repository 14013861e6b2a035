#include "suites/subjects/http_subject.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "harness/core/text.h"
#include "suites/subjects/json_lookup.h"
#include "suites/subjects/stop_texts.h"

namespace bh::suites {

using engine::Generation;
using engine::TokenId;
using harness::Ability;
using harness::HttpAnswer;
using harness::HttpError;
using harness::HttpFault;
using harness::SubjectError;
using harness::SubjectFault;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kTimeLimit{600'000};
constexpr std::int32_t kContextUnknown = 4096;

SubjectFault fault_of(HttpFault fault) {
  switch (fault) {
    case HttpFault::unreachable:
      return SubjectFault::not_started;
    case HttpFault::timed_out:
      return SubjectFault::hung;
    case HttpFault::cut_off:
      return SubjectFault::crashed;
    case HttpFault::too_large:
      return SubjectFault::flooded;
    case HttpFault::redirected:
      return SubjectFault::refused;
    case HttpFault::cancelled:
      return SubjectFault::ended;
  }
  return SubjectFault::ended;
}

/// The OpenAI base address often ends in /v1, which our paths bring themselves.
std::string without_v1(std::string address) {
  while (!address.empty() && address.back() == '/') address.pop_back();
  if (address.size() > 3 && address.compare(address.size() - 3, 3, "/v1") == 0) address.resize(address.size() - 3);
  return address;
}

harness::HttpLimits limits_of(const harness::SubjectSettings& settings) {
  harness::HttpLimits limits;
  limits.time = settings.time_limit.count() > 0 ? settings.time_limit : kTimeLimit;
  limits.connect = std::min(limits.connect, limits.time);
  limits.cancelled = settings.cancelled;
  return limits;
}

json::array to_array(std::span<const TokenId> ids) {
  json::array array;
  for (const TokenId id : ids) array.emplace_back(id);
  return array;
}

void check_utf8(std::string_view text) {
  if (harness::to_valid_utf8(text) == text) return;
  fail(ErrorKind::setup, "the text holds bytes that are not UTF-8, which cannot be sent to a server in JSON");
}

/// What an error body says, or its beginning.
std::string message_of(const HttpAnswer& answer) {
  try {
    const json::value body = parse_json(answer.body, "error");
    if (body.is_object()) {
      if (const json::object* error = object_in(body.get_object(), "error")) return text_in(*error, "message");
      return text_in(body.get_object(), "error");
    }
  } catch (const Error&) {
    // Not JSON: shown as it is.
  }
  return answer.body.substr(0, 200);
}

}  // namespace

HttpSubject::HttpSubject(std::string name, const harness::SubjectSettings& settings,
                         std::unique_ptr<harness::Child> server)
    : client_(without_v1(settings.address), harness::read_api_key(settings.api_key_file), limits_of(settings)),
      server_(std::move(server)),
      time_limit_(limits_of(settings).time),
      cancelled_(settings.cancelled) {
  info_.name = std::move(name);
  info_.backend = "a server at " + client_.base_url();
  info_.numerics = "unknown";
  info_.n_ctx = kContextUnknown;
  info_.facts["url"] = client_.base_url();
  if (server_) info_.facts["started"] = "its llama-server, by this run, for want of an adapter";
  wait_until_loaded();
  if (!probe_llama_server()) probe_openai(settings);
  require_own_server();
}

/// Where another process had taken the port, ours has ended by now, and it was the other that answered.
void HttpSubject::require_own_server() {
  if (!server_ || server_->status().ending == harness::Ending::running) return;
  throw SubjectError(SubjectFault::ended,
                     fmt::format("{}: the server did not start: it {}", info_.name, server_->finish().explain()));
}

/// A llama-server says 503 while it loads; one that we started may not even listen yet.
void HttpSubject::wait_until_loaded() {
  constexpr milliseconds kBetween{100};
  const auto until = steady_clock::now() + time_limit_;
  for (;;) {
    bool listening = false;
    try {
      listening = true;
      if (client_.get("/health").status != 503) return;
    } catch (const HttpError& error) {
      listening = error.fault != HttpFault::unreachable;
      if (listening || !server_) throw SubjectError(fault_of(error.fault), error.what());
    }
    require_own_server();
    if (cancelled_ && cancelled_()) throw SubjectError(SubjectFault::ended, "the run was cancelled");
    if (steady_clock::now() >= until) {
      throw SubjectError(SubjectFault::hung,
                         fmt::format("{}: the server at {} {} after {} s", info_.name, client_.base_url(),
                                     listening ? "was still loading" : "did not listen",
                                     static_cast<double>(time_limit_.count()) / 1000));
    }
    std::this_thread::sleep_for(kBetween);
  }
}

bool HttpSubject::probe_llama_server() {
  const HttpAnswer answer = request("/props", nullptr);
  if (answer.status != 200) return false;
  const json::object props = parse("/props", answer);
  const json::object* settings = object_in(props, "default_generation_settings");
  if (settings == nullptr) return false;
  llama_server_ = true;
  if (const std::int32_t n_ctx = int32_in(*settings, "n_ctx"); n_ctx > 0) info_.n_ctx = n_ctx;
  info_.version = text_in(props, "build_info");
  info_.model_path = text_in(props, "model_path").empty() ? text_in(*settings, "model") : text_in(props, "model_path");
  info_.facts["api"] = "llama-server";
  // One token shows what it tells of its work.
  auto probe = tokenize("a", {.add_special = true, .parse_special = false});
  if (probe.empty()) garbage("/tokenize", "no token for a letter");
  const json::object shown = ask(
      "/completion",
      {{"prompt", to_array(probe)}, {"n_predict", 1}, {"temperature", 0}, {"return_tokens", true}, {"stream", false}});
  const json::value* tokens = find(shown, "tokens");
  tells_ids_ = tokens != nullptr && tokens->is_array() && tokens->get_array().size() == 1;
  const json::object* timings = object_in(shown, "timings");
  tells_timings_ =
      timings != nullptr && number_in(*timings, "prompt_ms") >= 0 && number_in(*timings, "predicted_ms") >= 0;
  info_.facts["token_ids"] = tells_ids_ ? "the server's" : "of the text, tokenized again";
  return true;
}

void HttpSubject::probe_openai(const harness::SubjectSettings& settings) {
  const HttpAnswer answer = request("/v1/models", nullptr);
  if (answer.status != 200) {
    throw SubjectError(
        SubjectFault::refused,
        fmt::format("{} speaks neither llama-server's API (/props) nor OpenAI's (/v1/models answers with "
                    "status {}); check the address",
                    client_.base_url(), answer.status));
  }
  const json::object models = parse("/v1/models", answer);
  const json::value* data = find(models, "data");
  if (data == nullptr || !data->is_array() || data->get_array().empty() || !data->get_array()[0].is_object()) {
    garbage("/v1/models", "no model in it");
  }
  info_.facts["api"] = "OpenAI";
  info_.facts["model"] = text_in(data->get_array()[0].get_object(), "id");
  if (settings.model.empty()) return;
  tokenizer_.emplace(
      std::filesystem::is_directory(settings.model)
          ? engine::Tokenizer::from_hf_folder(settings.model, settings.pre_tokenizer)
          : engine::Tokenizer::from_gguf(engine::GgufFile::open(settings.model), settings.pre_tokenizer));
  info_.n_vocab = tokenizer_->size();
  info_.model_path = settings.model;
  info_.facts["token_ids"] = "of the text, by the tokenizer of " + settings.model.string();
}

std::string HttpSubject::why_not(Ability ability) const {
  const bool has_ids = llama_server_ || tokenizer_.has_value();
  switch (ability) {
    case Ability::logits:
      return "a server tells no logits of every position";
    case Ability::trace:
      return "a server tells no intermediate results";
    case Ability::timing:
      if (!tells_timings_) return "this server does not tell prefill and decoding times apart";
      return tells_ids_ ? "" : "this server does not tell the tokens it decoded, only their text";
    case Ability::tokenize:
    case Ability::generate:
    case Ability::sample:
      return has_ids ? ""
                     : "an OpenAI API tells no token ids; name the file of the served model with -m, for its tokenizer";
  }
  return {};
}

void HttpSubject::require(Ability ability) const {
  if (const std::string reason = why_not(ability); !reason.empty()) fail(ErrorKind::setup, "{}", reason);
}

void HttpSubject::garbage(std::string_view path, std::string_view what) const {
  throw SubjectError(SubjectFault::garbage,
                     fmt::format("{}{} gave an answer that makes no sense: {}", client_.base_url(), path, what));
}

HttpAnswer HttpSubject::request(std::string_view path, const json::object* body) {
  if (server_) server_->resume();
  try {
    HttpAnswer answer = body == nullptr ? client_.get(path) : client_.post_json(path, write_json_line(*body));
    if (answer.status == 401 || answer.status == 403) {
      throw SubjectError(SubjectFault::refused, fmt::format("{}{} wants another API key (status {}); give it with "
                                                            "--api-key-file",
                                                            client_.base_url(), path, answer.status));
    }
    return answer;
  } catch (const HttpError& error) {
    std::string message = error.what();
    if (server_ && server_->status().ending != harness::Ending::running) {
      message += "; the server " + server_->finish().explain();
    }
    throw SubjectError(fault_of(error.fault), message);
  }
}

json::object HttpSubject::parse(std::string_view path, const HttpAnswer& answer) {
  if (answer.status != 200) {
    throw SubjectError(SubjectFault::refused, fmt::format("{}{} answered with status {}: {}", client_.base_url(), path,
                                                          answer.status, message_of(answer)));
  }
  json::value value;
  try {
    value = parse_json(answer.body, fmt::format("{}{}", client_.base_url(), path));
  } catch (const Error& error) {
    throw SubjectError(SubjectFault::garbage, error.what());
  }
  if (!value.is_object()) garbage(path, "it is no JSON object");
  return std::move(value.get_object());
}

json::object HttpSubject::ask(std::string_view path, const json::object& body) {
  return parse(path, request(path, &body));
}

std::vector<TokenId> HttpSubject::ids_in(const json::object& object, std::string_view key, std::string_view path) {
  const json::value* list = find(object, key);
  if (list == nullptr || !list->is_array()) garbage(path, fmt::format("no list \"{}\"", key));
  std::vector<TokenId> ids;
  for (const json::value& item : list->get_array()) {
    const bool fits = item.is_int64() && item.get_int64() >= 0 && item.get_int64() < 1 << 30;
    if (!fits) garbage(path, fmt::format("\"{}\" holds something else than token ids", key));
    ids.push_back(static_cast<TokenId>(item.get_int64()));
  }
  return ids;
}

std::vector<TokenId> HttpSubject::tokenize(std::string_view text, const engine::EncodeOptions& options) {
  require(Ability::tokenize);
  if (tokenizer_) return tokenizer_->encode(text, options);
  check_utf8(text);
  return ids_in(
      ask("/tokenize",
          {{"content", text}, {"add_special", options.add_special}, {"parse_special", options.parse_special}}),
      "tokens", "/tokenize");
}

std::string HttpSubject::detokenize(std::span<const TokenId> ids) {
  require(Ability::tokenize);
  if (tokenizer_) return tokenizer_->decode(ids);
  const json::object answer = ask("/detokenize", {{"tokens", to_array(ids)}});
  if (find(answer, "content") == nullptr) garbage("/detokenize", "no \"content\"");
  return text_in(answer, "content");
}

std::vector<float> HttpSubject::logits(std::span<const TokenId>) {
  require(Ability::logits);
  return {};
}

void HttpSubject::trace(std::span<const TokenId>, const engine::Tap&) { require(Ability::trace); }

Generation HttpSubject::generate(std::span<const TokenId> prompt, const engine::GenerateOptions& options) {
  require(Ability::generate);
  if (prompt.empty()) fail(ErrorKind::usage, "there is no prompt");
  Generation generation = llama_server_ ? complete_llama(prompt, options) : complete_openai(prompt, options);
  cut_at_stop_text(generation, options.stop_texts);
  return generation;
}

Generation HttpSubject::complete_llama(std::span<const TokenId> prompt, const engine::GenerateOptions& options) {
  const engine::SamplingOptions& sampling = options.sampling;
  const bool greedy = sampling.temperature <= 0;
  const auto room = std::max<std::int64_t>(info_.n_ctx - static_cast<std::int64_t>(prompt.size()), 1);
  const std::int64_t wanted = options.max_tokens < 0 ? room : options.max_tokens;
  const json::object answer = ask("/completion", {{"prompt", to_array(prompt)},
                                                  {"n_predict", wanted},
                                                  {"temperature", greedy ? 0.0 : sampling.temperature},
                                                  {"top_k", greedy ? 1 : sampling.top_k},
                                                  {"top_p", sampling.top_p},
                                                  {"min_p", sampling.min_p},
                                                  {"repeat_penalty", sampling.repeat_penalty},
                                                  {"repeat_last_n", sampling.repeat_last_n},
                                                  {"seed", sampling.seed & 0x7fffffff},
                                                  {"ignore_eos", options.ignore_eog},
                                                  {"cache_prompt", false},
                                                  {"return_tokens", true},
                                                  {"stream", false}});
  Generation generation;
  const json::value* content = find(answer, "content");
  if (content == nullptr || !content->is_string()) garbage("/completion", "no text \"content\"");
  generation.text = content->get_string();
  generation.ids = tells_ids_ ? ids_in(answer, "tokens", "/completion")
                              : tokenize(generation.text, {.add_special = false, .parse_special = true});
  if (tells_timings_) {
    const json::object* timings = object_in(answer, "timings");
    const double prefill = timings == nullptr ? std::nan("") : number_in(*timings, "prompt_ms");
    const double decode = timings == nullptr ? std::nan("") : number_in(*timings, "predicted_ms");
    constexpr double kLongest = 1e9;  // ms
    if (!(prefill >= 0 && prefill < kLongest && decode >= 0 && decode < kLongest)) {
      garbage("/completion", "timings that are none");
    }
    generation.prefill_ns = static_cast<std::int64_t>(prefill * 1e6);
    generation.decode_ns = static_cast<std::int64_t>(decode * 1e6);
  }
  const json::value* stopped = find(answer, "stopped_eos");
  const bool eog =
      text_in(answer, "stop_type") == "eos" || (stopped != nullptr && stopped->is_bool() && stopped->get_bool());
  generation.stop_reason = eog                       ? engine::StopReason::eog
                           : options.max_tokens >= 0 ? engine::StopReason::max_tokens
                                                     : engine::StopReason::context_full;
  return generation;
}

Generation HttpSubject::complete_openai(std::span<const TokenId> prompt, const engine::GenerateOptions& options) {
  const std::string text = tokenizer_->decode(prompt);
  check_utf8(text);
  json::object body{{"model", info_.facts.at("model")},
                    {"prompt", text},
                    {"max_tokens", options.max_tokens < 0 ? 256 : options.max_tokens},
                    {"temperature", std::max(options.sampling.temperature, 0.0f)},
                    {"seed", options.sampling.seed & 0x7fffffff}};
  if (options.sampling.temperature > 0) body["top_p"] = options.sampling.top_p;
  const auto start = steady_clock::now();
  const json::object answer = ask("/v1/completions", body);
  Generation generation;
  generation.decode_ns = std::chrono::nanoseconds(steady_clock::now() - start).count();
  const json::value* choices = find(answer, "choices");
  if (choices == nullptr || !choices->is_array() || choices->get_array().empty() ||
      !choices->get_array()[0].is_object()) {
    garbage("/v1/completions", "no \"choices\"");
  }
  const json::object& choice = choices->get_array()[0].get_object();
  const json::value* content = find(choice, "text");
  if (content == nullptr || !content->is_string()) garbage("/v1/completions", "no \"text\"");
  generation.text = content->get_string();
  generation.ids = tokenizer_->encode(generation.text, {.add_special = false, .parse_special = true});
  generation.stop_reason =
      text_in(choice, "finish_reason") == "stop" ? engine::StopReason::eog : engine::StopReason::max_tokens;
  return generation;
}

harness::Timing HttpSubject::time(const harness::TimingRequest& request) {
  require(Ability::timing);
  const harness::PausedAfterwards paused(server_.get());
  engine::GenerateOptions options;
  options.max_tokens = request.decode_tokens;
  options.ignore_eog = true;
  options.sampling.temperature = 0;
  Generation generation = complete_llama(request.prompt, options);
  const auto wanted = static_cast<std::size_t>(request.decode_tokens);
  if (generation.ids.size() < wanted) {
    garbage("/completion", fmt::format("{} tokens, {} were asked for", generation.ids.size(), wanted));
  }
  generation.ids.resize(wanted);
  return {std::move(generation.ids), generation.prefill_ns, generation.decode_ns, {}};
}

std::unique_ptr<harness::Subject> open_http_subject(const harness::SubjectSettings& settings) {
  if (settings.address.empty()) {
    fail(ErrorKind::usage, "http needs the server's address: --subject http://127.0.0.1:8080");
  }
  return std::make_unique<HttpSubject>("http", settings);
}

}  // namespace bh::suites
