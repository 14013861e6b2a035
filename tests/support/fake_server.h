// An HTTP server for tests: one thread, plain sockets, and an answer for each path that may be as wrong as it likes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bh::test {

class FakeServer {
 public:
  struct Request {
    std::string method, path, head, body;
  };
  /// The whole answer, head included; empty closes the connection without a word.
  using Handler = std::function<std::string(const Request& request)>;

  explicit FakeServer(Handler handler) : handler_(std::move(handler)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 8) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() {
    stop_ = true;
    thread_.join();
    ::close(socket_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  bool stopping() const { return stop_; }

  static std::string ok(const std::string& body) { return status("200 OK", body); }
  static std::string status(const std::string& line, const std::string& body, const std::string& headers = {}) {
    return "HTTP/1.1 " + line +
           "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + headers + "\r\n" + body;
  }

 private:
  void serve() {
    while (!stop_) {
      pollfd file{socket_, POLLIN, 0};
      if (::poll(&file, 1, 10) <= 0) continue;
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client >= 0) answer(client);
      ::close(client);
    }
  }

  void answer(int client) {
    std::string text;
    std::size_t body_at = std::string::npos, length = 0;
    while (body_at == std::string::npos || text.size() < body_at + length) {
      char chunk[4096];
      pollfd file{client, POLLIN, 0};
      if (::poll(&file, 1, 10) <= 0) {
        if (stop_) return;
        continue;
      }
      const ssize_t size = ::recv(client, chunk, sizeof(chunk), 0);
      if (size <= 0) return;
      text.append(chunk, static_cast<std::size_t>(size));
      const auto end = text.find("\r\n\r\n");
      if (body_at != std::string::npos || end == std::string::npos) continue;
      body_at = end + 4;
      const auto field = text.find("Content-Length: ");
      if (field < end) length = std::stoul(text.substr(field + 16));
    }
    const auto space = text.find(' ');
    Request request{text.substr(0, space), text.substr(space + 1, text.find(' ', space + 1) - space - 1),
                    text.substr(0, body_at), text.substr(body_at)};
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const std::string reply = handler_(request);
    for (std::size_t at = 0; at < reply.size();) {
      const ssize_t put = ::send(client, reply.data() + at, reply.size() - at, MSG_NOSIGNAL);
      if (put <= 0) return;
      at += static_cast<std::size_t>(put);
    }
  }

  Handler handler_;
  int socket_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace bh::test
