// A small HTTP client: JSON in, JSON out, with limits on time and size. The only use of libcurl.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace bh::harness {

struct HttpLimits {
  std::chrono::milliseconds connect{5000};
  std::chrono::milliseconds time{600'000};               ///< of one answer, connecting included
  std::uint64_t answer_bytes = std::uint64_t{64} << 20;  ///< more is an error
  std::function<bool()> cancelled;                       ///< a signal has asked the run to end
};

struct HttpAnswer {
  long status = 0;
  std::string body;
};

/// How a request got no answer.
enum class HttpFault { unreachable, timed_out, cut_off, too_large, redirected, cancelled };

/// The Error(setup) of such a request.
struct HttpError : Error {
  HttpError(HttpFault what, std::string_view message) : Error(ErrorKind::setup, message), fault(what) {}
  HttpFault fault;
};

/// One server. Not thread-safe. Only http and https; redirects are not followed, so that no key goes elsewhere.
class HttpClient {
 public:
  /// `base_url` such as "http://127.0.0.1:8080" or "https://host/prefix". `api_key` may be empty; it is sent as a
  /// bearer token and stands in no message. Throws Error(usage) where this is no http or https URL.
  HttpClient(std::string_view base_url, const std::string& api_key, HttpLimits limits);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// `path` starts with '/'. Any status but a redirect is an answer. Throws HttpError.
  HttpAnswer get(std::string_view path);
  HttpAnswer post_json(std::string_view path, std::string_view json);
  void set_time_limit(std::chrono::milliseconds time) noexcept;

  const std::string& base_url() const noexcept { return base_url_; }

 private:
  struct Impl;
  HttpAnswer perform(std::string_view path, const std::string_view* json);

  std::string base_url_;
  std::unique_ptr<Impl> impl_;
};

/// The key in a file's only line. Throws Error(setup) where there is none, or bytes that fit no header. An empty path
/// is no key.
std::string read_api_key(const std::filesystem::path& path);

}  // namespace bh::harness
