#include "harness/io/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <fstream>

namespace bh::harness {

namespace {

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// libcurl wants to be set up once in a process, before its first use.
void set_up_once() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) fail(ErrorKind::setup, "libcurl cannot be set up: {}", curl_easy_strerror(code));
}

struct Receiver {
  std::string body;
  std::uint64_t limit;
  bool too_large = false;
};

std::size_t on_data(char* data, std::size_t, std::size_t size, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  receiver.too_large = receiver.body.size() + size > receiver.limit;
  if (receiver.too_large) return 0;  // ends the transfer
  receiver.body.append(data, size);
  return size;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& cancelled = *static_cast<const std::function<bool()>*>(user);
  return cancelled && cancelled() ? 1 : 0;
}

Headers add_header(Headers headers, const std::string& line) {
  curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(headers.release());  // it is the front of `longer` now
  return {longer, curl_slist_free_all};
}

double seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

}  // namespace

struct HttpClient::Impl {
  Handle handle{nullptr, curl_easy_cleanup};
  Headers headers{nullptr, curl_slist_free_all};
  HttpLimits limits;
  char error[CURL_ERROR_SIZE] = {};
};

HttpClient::HttpClient(std::string_view base_url, const std::string& api_key, HttpLimits limits)
    : base_url_(base_url), impl_(std::make_unique<Impl>()) {
  while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
  const bool known = base_url_.rfind("http://", 0) == 0 || base_url_.rfind("https://", 0) == 0;
  const bool plain = std::all_of(base_url_.begin(), base_url_.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!known || !plain || base_url_.find('@') != std::string::npos) {
    fail(ErrorKind::usage, "'{}' is no address of a server; it looks like http://127.0.0.1:8080, without a password",
         base_url_);
  }
  set_up_once();
  impl_->limits = std::move(limits);
  impl_->handle.reset(curl_easy_init());
  if (!impl_->handle) throw std::bad_alloc();
  impl_->headers = add_header(std::move(impl_->headers), "Accept: application/json");
  impl_->headers = add_header(std::move(impl_->headers), "Expect:");  // no round trip before a larger request
  if (!api_key.empty()) impl_->headers = add_header(std::move(impl_->headers), "Authorization: Bearer " + api_key);
}

HttpClient::~HttpClient() = default;

void HttpClient::set_time_limit(std::chrono::milliseconds time) noexcept { impl_->limits.time = time; }

HttpAnswer HttpClient::get(std::string_view path) { return perform(path, nullptr); }

HttpAnswer HttpClient::post_json(std::string_view path, std::string_view json) { return perform(path, &json); }

HttpAnswer HttpClient::perform(std::string_view path, const std::string_view* json) {
  CURL* const curl = impl_->handle.get();
  const HttpLimits& limits = impl_->limits;
  const std::string url = base_url_ + std::string(path);
  Receiver receiver{{}, limits.answer_bytes};
  Headers headers{nullptr, curl_slist_free_all};
  for (const curl_slist* item = impl_->headers.get(); item != nullptr; item = item->next) {
    headers = add_header(std::move(headers), item->data);
  }
  if (json != nullptr) headers = add_header(std::move(headers), "Content-Type: application/json");

  curl_easy_reset(curl);  // keeps the connection
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "bitharness");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, impl_->error);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.time.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &limits.cancelled);
  // A proxy of the environment is for the world outside, never for a server on this machine.
  if (url.find("://127.") != std::string::npos || url.find("://localhost") != std::string::npos ||
      url.find("://[::1]") != std::string::npos) {
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
  }
  if (json != nullptr) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json->data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json->size()));
  }
  impl_->error[0] = '\0';
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    const std::string detail = impl_->error[0] != '\0' ? impl_->error : curl_easy_strerror(code);
    if (receiver.too_large) {
      throw HttpError(HttpFault::too_large,
                      fmt::format("{} answered with more than {} MiB", url, limits.answer_bytes >> 20));
    }
    switch (code) {
      case CURLE_ABORTED_BY_CALLBACK:
        throw HttpError(HttpFault::cancelled, fmt::format("the request to {} was cancelled", url));
      case CURLE_OPERATION_TIMEDOUT: {
        curl_off_t connected = 0;
        curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
        throw HttpError(HttpFault::timed_out, fmt::format("{} took longer than {} s to {}", url,
                                                          seconds(connected > 0 ? limits.time : limits.connect),
                                                          connected > 0 ? "answer" : "be reached"));
      }
      case CURLE_COULDNT_CONNECT:
      case CURLE_COULDNT_RESOLVE_HOST:
        throw HttpError(HttpFault::unreachable,
                        fmt::format("cannot reach {}: {}; is the server running there?", url, detail));
      default:
        throw HttpError(HttpFault::cut_off, fmt::format("{} gave no whole answer: {}", url, detail));
    }
  }
  HttpAnswer answer;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  if (answer.status >= 300 && answer.status < 400) {
    const char* target = nullptr;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
    throw HttpError(HttpFault::redirected, fmt::format("{} redirects to '{}', which is not followed; give that address "
                                                       "if it is the server",
                                                       url, target == nullptr ? "nowhere" : target));
  }
  answer.body = std::move(receiver.body);
  return answer;
}

std::string read_api_key(const std::filesystem::path& path) {
  if (path.empty()) return {};
  std::ifstream file(path);
  std::string key;
  if (!std::getline(file, key))
    fail(ErrorKind::setup, "cannot read an API key from '{}'; it is its first line", path.string());
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  constexpr std::size_t kLongest = 8192;
  const bool fits = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (key.empty() || key.size() > kLongest || !fits) {
    fail(ErrorKind::setup, "the first line of '{}' is no API key: it has to be printable ASCII without spaces",
         path.string());
  }
  return key;
}

}  // namespace bh::harness
