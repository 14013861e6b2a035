// bitharness-adapter: a reference engine of the llama.cpp family as a worker (harness/io/worker.h) on stdin and stdout.
// Built by scripts/build-adapter against somebody's own build of the reference; it holds none of its code.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "harness/io/frame.h"
#include "harness/io/worker.h"
#include "third_party/bitnet.cpp/reference.h"

#ifndef BH_REFERENCE_COMMIT
#define BH_REFERENCE_COMMIT "unknown"
#endif
#ifndef BH_REFERENCE_FLAGS
#define BH_REFERENCE_FLAGS "unknown"
#endif

namespace {

using bh::adapter::AdapterError;
using bh::adapter::Mode;
using bh::adapter::Point;
using bh::adapter::Reference;
using bh::adapter::Settings;
using bh::harness::Frame;
using bh::harness::FrameReader;

constexpr const char* kUsage =
    "usage: bitharness-adapter -m MODEL [-t THREADS] [-c CONTEXT]\n\n"
    "Speaks bitharness.worker/1 on stdin and stdout; bitharness starts it: bitharness crossval --reference "
    "THIS_FILE\n\n"
    "  -m, --model PATH      GGUF file\n"
    "  -t, --threads N       threads (default 1)\n"
    "  -c, --ctx-size N      context (default: the model's own, at most 2048)\n"
    "  -h, --help            this text\n";

// --- bytes

std::size_t read_stdin(char* data, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, data, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return 0;
  }
}

/// Where frames go. The reference may print: its stdout becomes stderr, ours is a descriptor it does not know.
int claim_stdout() {
  const int out = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (out < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    std::perror("bitharness-adapter: stdout");
    std::exit(4);
  }
  return out;
}

void send(int out, const Frame& frame) {
  bh::harness::write_frame(frame, [out](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::write(out, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) std::exit(0);  // nobody listens any more
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  });
}

template <class Value>
std::string bytes_of(std::span<const Value> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::vector<llama_token> ids_of(const Frame& request) {
  if (request.payload.size() % sizeof(llama_token) != 0) throw AdapterError("usage", "the ids are cut off");
  std::vector<llama_token> ids(request.payload.size() / sizeof(llama_token));
  std::memcpy(ids.data(), request.payload.data(), request.payload.size());
  return ids;
}

Mode mode_of(const Frame& request) {
  const std::string mode = request.text("mode", "batch");
  if (mode != "batch" && mode != "single") throw AdapterError("usage", "mode is batch or single, not '" + mode + "'");
  return mode == "batch" ? Mode::batch : Mode::single;
}

// --- requests

Frame describe(const char* name, const Settings& settings, const Reference& reference, const std::string& activation) {
  Frame frame{name, {}, {}};
  auto& values = frame.values;
  values["protocol"] = bh::harness::kWorkerProtocol;
  values["name"] = "bitnet_cpp";
  values["version"] = BH_REFERENCE_COMMIT;
  values["backend"] = "cpu, " + std::to_string(settings.threads) + (settings.threads == 1 ? " thread" : " threads");
  values["numerics"] = "reference";
  values["model"] = settings.model;
  values["n_vocab"] = std::to_string(reference.n_vocab());
  values["n_ctx"] = std::to_string(reference.n_ctx());
  values["abilities"] = "tokenize,logits,generate,trace,timing";
  values["fact.commit"] = BH_REFERENCE_COMMIT;
  values["fact.build_flags"] = BH_REFERENCE_FLAGS;
  values["fact.system_info"] = llama_print_system_info();
  values["fact.activation"] = activation;
  values["fact.api"] = reference.generation();
  values["fact.kv_cache"] = "f16";
  values["fact.flash_attention"] = "off";
  return frame;
}

class Worker {
 public:
  Worker(int out, const Settings& settings) : out_(out), settings_(settings), reference_(settings) {
    activation_ = reference_.probe_activation();
    send(out_, describe("hello", settings_, reference_, activation_));
  }

  void serve() {
    FrameReader reader(read_stdin);
    for (Frame request; reader.next(request);) {
      try {
        answer(request);
      } catch (const AdapterError& error) {
        send(out_, {"error", {{"kind", error.kind}}, error.what()});
      } catch (const std::exception& error) {
        // The reference throws through its C API, for one on text that is not UTF-8.
        send(out_, {"error", {{"kind", "setup"}}, std::string("the reference threw: ") + error.what()});
      }
    }
  }

 private:
  void answer(const Frame& request) {
    if (request.name == "describe") return send(out_, describe("subject", settings_, reference_, activation_));
    if (request.name == "tokenize") {
      const auto ids = reference_.tokenize(request.payload, request.integer("add_bos", 1) != 0,
                                           request.integer("parse_special", 0) != 0);
      return send(out_, {"ids", {}, bytes_of(std::span(ids))});
    }
    if (request.name == "detokenize") return send(out_, {"text", {}, reference_.detokenize(ids_of(request))});
    if (request.name == "logits") return answer_logits(request);
    if (request.name == "trace") return answer_trace(request);
    if (request.name == "generate") return answer_timed(request, request.integer("max_tokens"), false);
    if (request.name == "time") {
      return answer_timed(request, request.integer("decode_tokens"), request.integer("reuse", 1) != 0);
    }
    throw AdapterError("usage", "unknown request '" + request.name + "'");
  }

  void answer_logits(const Frame& request) {
    reference_.logits(ids_of(request), mode_of(request), [&](std::int64_t position, std::span<const float> logits) {
      send(out_, {"row", {{"position", std::to_string(position)}}, bytes_of(logits)});
    });
    send(out_, {"done", {}, {}});
  }

  void answer_trace(const Frame& request) {
    reference_.trace(ids_of(request), mode_of(request),
                     [&](const Point& point, std::int64_t rows, std::int64_t dim, std::span<const float> values) {
                       send(out_, {"tensor",
                                   {{"name", point.name},
                                    {"layer", std::to_string(point.layer)},
                                    {"rows", std::to_string(rows)},
                                    {"dim", std::to_string(dim)}},
                                   bytes_of(values)});
                     });
    send(out_, {"done", {}, {}});
  }

  void answer_timed(const Frame& request, std::int64_t tokens, bool reuse) {
    if (tokens < 0) throw AdapterError("usage", "a number of tokens is missing or negative");
    const auto timing = reference_.time(ids_of(request), tokens, reuse);
    if (!timing.step_ns.empty()) send(out_, {"steps", {}, bytes_of(std::span(timing.step_ns))});
    send(out_, {"done",
                {{"prefill_ns", std::to_string(timing.prefill_ns)},
                 {"decode_ns", std::to_string(timing.decode_ns)},
                 {"reused", std::to_string(timing.reused)}},
                bytes_of(std::span(timing.ids))});
  }

  int out_;
  Settings settings_;
  Reference reference_;
  std::string activation_;
};

// --- start

/// The reference keeps the results of whole prompts on the stack of its compute threads (microsoft/BitNet #517): 14 MB
/// for 512 tokens of the 2B model. Limits of stacks count from a program's start, so this one starts anew with larger
/// ones.
void restart_with_large_stacks(char** argv) {
  constexpr rlim_t kStackBytes = rlim_t{256} << 20;
  if (std::getenv("BITHARNESS_ADAPTER_STACK") != nullptr) return;
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? kStackBytes : std::min(kStackBytes, limit.rlim_max);
  if (::setrlimit(RLIMIT_STACK, &limit) != 0) return;
  ::setenv("BITHARNESS_ADAPTER_STACK", "raised", 1);
  ::setenv("OMP_STACKSIZE", "256M", 0);
  ::execv("/proc/self/exe", argv);  // returns only where it failed: then with the stacks there are
}

std::int32_t number(const char* option, const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 0 || value > 1 << 20) {
    std::fprintf(stderr, "bitharness-adapter: error: %s %s: not a number in range\n", option, text);
    std::exit(2);
  }
  return static_cast<std::int32_t>(value);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "-h" || option == "--help") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    const bool known = option == "-m" || option == "--model" || option == "-t" || option == "--threads" ||
                       option == "-c" || option == "--ctx-size";
    if (!known || i + 1 == argc) {
      std::fprintf(stderr, "bitharness-adapter: error: %s '%s'\n%s", known ? "no value behind" : "unknown argument",
                   option.c_str(), kUsage);
      std::exit(2);
    }
    const char* value = argv[++i];
    if (option == "-m" || option == "--model") settings.model = value;
    if (option == "-t" || option == "--threads") settings.threads = std::max(1, number("--threads", value));
    if (option == "-c" || option == "--ctx-size") settings.n_ctx = number("--ctx-size", value);
  }
  if (settings.model.empty()) {
    std::fputs(kUsage, stderr);
    std::exit(2);
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  restart_with_large_stacks(argv);
  const int out = claim_stdout();
  try {
    Worker(out, settings).serve();
    return 0;
  } catch (const AdapterError& error) {
    send(out, {"error", {{"kind", error.kind}}, error.what()});
  } catch (const std::exception& error) {
    send(out, {"error", {{"kind", "setup"}}, error.what()});
  }
  return 4;
}
