#include "harness/io/http.h"

#include <chrono>
#include <fstream>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/fake_server.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;
using bh::test::FakeServer;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

HttpLimits brief() {
  HttpLimits limits;
  limits.time = milliseconds(5000);
  return limits;
}

HttpFault fault_of(HttpClient& client) {
  try {
    client.get("/");
  } catch (const HttpError& error) {
    return error.fault;
  }
  FAIL("there was an answer");
  return {};
}

}  // namespace

TEST_CASE("an HTTP answer is its status and its body, whatever the status") {
  FakeServer server([](const FakeServer::Request& request) {
    if (request.path == "/missing") return FakeServer::status("404 Not Found", "no");
    return FakeServer::ok(request.method + " " + request.body);
  });
  HttpClient client(server.url() + "/", "", brief());
  CHECK(client.get("/x").body == "GET ");
  CHECK(client.post_json("/x", "{\"a\":1}").body == "POST {\"a\":1}");
  CHECK(client.get("/missing").status == 404);
  CHECK(client.get("/x").status == 200);
  CHECK(server.requests()[1].head.find("Content-Type: application/json") != std::string::npos);
  CHECK(server.requests()[0].head.find("Authorization") == std::string::npos);
}

TEST_CASE("an API key is sent as a bearer token and stands in no message") {
  const test::TempFolder folder;
  std::ofstream(folder / "key") << "s3cret-key\r\n";
  FakeServer server([](const FakeServer::Request&) { return std::string(); });
  HttpClient client(server.url(), read_api_key(folder / "key"), brief());
  std::string message;
  try {
    client.get("/");
  } catch (const HttpError& error) {
    message = error.what();
  }
  CHECK_FALSE(message.empty());
  CHECK(message.find("s3cret") == std::string::npos);
  CHECK(server.requests()[0].head.find("Authorization: Bearer s3cret-key\r\n") != std::string::npos);
}

TEST_CASE("a file that holds no API key is refused") {
  const test::TempFolder folder;
  CHECK(read_api_key({}).empty());
  CHECK_THROWS_WITH(read_api_key(folder / "none"), Catch::Contains("cannot read an API key"));
  for (const std::string& text :
       {std::string("\n"), std::string("two words\n"), std::string("a\tb\n"), std::string(10'000, 'k')}) {
    std::ofstream(folder / "bad") << text;
    CHECK_THROWS_WITH(read_api_key(folder / "bad"), Catch::Contains("no API key"));
  }
}

TEST_CASE("only http and https addresses without a password are taken") {
  for (const char* address :
       {"127.0.0.1:8080", "ftp://host", "file:///etc/passwd", "http://user:pw@host", "http://a b"}) {
    CHECK_THROWS_AS(HttpClient(address, "", brief()), Error);
  }
}

TEST_CASE("each way to get no answer has a name") {
  {
    HttpClient nobody("http://127.0.0.1:1", "", brief());
    CHECK(fault_of(nobody) == HttpFault::unreachable);
  }
  {
    FakeServer server(
        [](const FakeServer::Request&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx"); });
    HttpClient client(server.url(), "", brief());
    CHECK(fault_of(client) == HttpFault::cut_off);
  }
  {
    FakeServer server([](const FakeServer::Request&) { return std::string("what is this?\r\n\r\n"); });
    HttpClient client(server.url(), "", brief());
    CHECK(fault_of(client) == HttpFault::cut_off);
  }
  {
    FakeServer server([](const FakeServer::Request&) { return FakeServer::ok(std::string(3 << 20, 'y')); });
    HttpLimits limits = brief();
    limits.answer_bytes = 1 << 20;
    HttpClient client(server.url(), "", limits);
    CHECK(fault_of(client) == HttpFault::too_large);
  }
  {
    FakeServer target([](const FakeServer::Request&) { return FakeServer::ok("{}"); });
    FakeServer server([&](const FakeServer::Request&) {
      return FakeServer::status("302 Found", "", "Location: " + target.url() + "\r\n");
    });
    HttpClient client(server.url(), "key", brief());
    CHECK(fault_of(client) == HttpFault::redirected);
    CHECK(target.requests().empty());
  }
}

TEST_CASE("a server that hangs is given up in time, and at once where the run is cancelled") {
  FakeServer* hanging = nullptr;
  FakeServer server([&](const FakeServer::Request&) {
    const auto until = steady_clock::now() + std::chrono::seconds(20);
    while (!hanging->stopping() && steady_clock::now() < until) std::this_thread::sleep_for(milliseconds(5));
    return std::string();
  });
  hanging = &server;
  HttpLimits limits;
  limits.time = milliseconds(100);
  const auto start = steady_clock::now();
  {
    HttpClient client(server.url(), "", limits);
    CHECK(fault_of(client) == HttpFault::timed_out);
  }
  limits.time = std::chrono::seconds(30);
  limits.cancelled = [] { return true; };
  HttpClient client(server.url(), "", limits);
  CHECK(fault_of(client) == HttpFault::cancelled);
  CHECK(steady_clock::now() - start < std::chrono::seconds(10));
}
