#include "suites/subjects/bitnet_cpp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/host.h"
#include "harness/io/pipes.h"
#include "suites/subjects/http_subject.h"
#include "suites/subjects/worker_subject.h"

namespace bh::suites {

namespace fs = std::filesystem;

namespace {

constexpr const char* kAdapter = "bitharness-adapter";
constexpr const char* kServer = "llama-server";

/// A port that nobody listens on now.
int free_port() {
  const harness::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (socket.get() < 0 || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail(ErrorKind::setup, "there is no free port on 127.0.0.1 for a server");
  }
  return ntohs(address.sin_port);
}

int threads_of(const harness::SubjectSettings& settings) {
  return settings.threads > 0 ? settings.threads : host_facts().usable_cores;
}

harness::Command command_of(const fs::path& program, const harness::SubjectSettings& settings) {
  harness::Command command{program, {"-m", settings.model.string(), "-t", std::to_string(threads_of(settings))}, {}};
  if (settings.n_ctx > 0) command.arguments.insert(command.arguments.end(), {"-c", std::to_string(settings.n_ctx)});
  return command;
}

std::unique_ptr<harness::Subject> start_server_at(int port, const fs::path& program,
                                                  harness::SubjectSettings settings) {
  harness::Command command = command_of(program, settings);
  command.arguments.insert(command.arguments.end(), {"--host", "127.0.0.1", "--port", std::to_string(port)});
  command.prints_log = true;
  harness::ChildLimits limits;
  limits.cancelled = settings.cancelled;
  std::unique_ptr<harness::Child> server;
  try {
    server = std::make_unique<harness::Child>(command, limits);
  } catch (const Error& error) {
    throw harness::SubjectError(harness::SubjectFault::not_started, error.what());
  }
  settings.address = fmt::format("http://127.0.0.1:{}", port);
  return std::make_unique<HttpSubject>("bitnet_cpp", settings, std::move(server));
}

/// Between our look at a port and the server's somebody else may take it. llama-server then says "couldn't bind" and
/// ends, and another port is tried.
std::unique_ptr<harness::Subject> start_server(const fs::path& program, const harness::SubjectSettings& settings) {
  constexpr int kTries = 3;
  for (int i = 1;; ++i) {
    try {
      return start_server_at(free_port(), program, settings);
    } catch (const harness::SubjectError& error) {
      const bool port_taken = error.fault == harness::SubjectFault::ended &&
                              std::string_view(error.what()).find("couldn't bind") != std::string_view::npos;
      if (!port_taken || i == kTries) throw;
    }
  }
}

}  // namespace

ReferenceProgram find_reference(const fs::path& address) {
  std::error_code ec;
  if (fs::is_regular_file(address, ec)) return {address, address.filename() == kServer};
  for (const char* name : {kAdapter, kServer}) {
    for (const char* folder : {"", "bin", "build", "build/bin"}) {
      const fs::path program = address / folder / name;
      if (fs::is_regular_file(program, ec)) return {program, name == kServer};
    }
  }
  fail(
      ErrorKind::setup,
      "'{}' holds no {} and no {}, nor do bin, build and build/bin in it; build the adapter with scripts/build-adapter",
      address.string(), kAdapter, kServer);
}

std::unique_ptr<harness::Subject> open_bitnet_cpp(const harness::SubjectSettings& settings) {
  if (settings.address.empty()) {
    fail(ErrorKind::usage, "bitnet_cpp needs --subject-address: the adapter, or the folder of a build of bitnet.cpp");
  }
  if (settings.model.empty()) fail(ErrorKind::usage, "bitnet_cpp needs a model: give one with -m");
  const ReferenceProgram reference = find_reference(settings.address);
  if (reference.is_server) return start_server(reference.program, settings);
  return std::make_unique<WorkerSubject>("bitnet_cpp", command_of(reference.program, settings), settings);
}

}  // namespace bh::suites
