// A build of bitharness made slower by a factor, for trials of the judge: passes the worker protocol through to a real
// worker, and answers what was timed later by that factor, with times that say so. The product has no such switch.
//
//   BH_SLOW_BINARY=bitharness BH_SLOW_FACTOR=1.10 slow_worker worker -m MODEL ...
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>
#include <vector>

#include "harness/io/frame.h"

using namespace bh::harness;

namespace {

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) throw std::runtime_error("the other end is gone");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::int64_t slower(std::int64_t ns, double factor) {
  return static_cast<std::int64_t>(static_cast<double>(ns) * factor);
}

/// The frames of the real worker, those with times changed and held back.
void pass_answers(int from, double factor) {
  FrameReader reader([from](char* data, std::size_t size) {
    const ssize_t got = ::read(from, data, size);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  });
  Frame frame;
  while (reader.next(frame)) {
    if (frame.name == "steps") {
      std::vector<std::int64_t> steps(frame.payload.size() / sizeof(std::int64_t));
      std::memcpy(steps.data(), frame.payload.data(), steps.size() * sizeof(std::int64_t));
      for (std::int64_t& ns : steps) ns = slower(ns, factor);
      std::memcpy(frame.payload.data(), steps.data(), steps.size() * sizeof(std::int64_t));
    }
    if (frame.name == "done" && frame.values.count("decode_ns") == 1) {
      const std::int64_t prefill = frame.integer("prefill_ns"), decode = frame.integer("decode_ns");
      const auto extra = slower(prefill + decode, factor - 1);
      if (extra > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(extra));
      frame.values["prefill_ns"] = std::to_string(slower(prefill, factor));
      frame.values["decode_ns"] = std::to_string(slower(decode, factor));
    }
    write_frame(frame, [](std::string_view bytes) { write_all(STDOUT_FILENO, bytes); });
  }
}

void pass_requests(int to) {
  char block[1 << 16];
  for (ssize_t got; (got = ::read(STDIN_FILENO, block, sizeof block)) > 0;) {
    write_all(to, {block, static_cast<std::size_t>(got)});
  }
  ::close(to);
}

}  // namespace

int main(int argc, char** argv) {
  const char* binary = std::getenv("BH_SLOW_BINARY");
  const char* factor = std::getenv("BH_SLOW_FACTOR");
  int down[2], up[2];
  if (argc < 2 || binary == nullptr || factor == nullptr || ::pipe(down) != 0 || ::pipe(up) != 0) {
    std::cerr << "usage: BH_SLOW_BINARY=FILE BH_SLOW_FACTOR=F slow_worker worker [options]\n";
    return 2;
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(down[0], STDIN_FILENO);
    ::dup2(up[1], STDOUT_FILENO);
    for (const int fd : {down[0], down[1], up[0], up[1]}) ::close(fd);
    argv[0] = const_cast<char*>(binary);
    ::execv(binary, argv);
    ::_exit(127);
  }
  ::close(down[0]);
  ::close(up[1]);
  std::thread requests([&] {
    try {
      pass_requests(down[1]);
    } catch (const std::exception&) {
      // The worker is gone; the other direction sees its end.
    }
  });
  int code = 0;
  try {
    pass_answers(up[0], std::strtod(factor, nullptr));
  } catch (const std::exception& error) {
    std::cerr << "slow_worker: " << error.what() << "\n";
    code = 5;
  }
  requests.detach();  // it may still wait for a request that nobody would answer
  int status = 0;
  ::waitpid(child, &status, 0);
  return code != 0 ? code : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
