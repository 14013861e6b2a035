#include "harness/io/worker_server.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "engine/base/error.h"
#include "harness/core/exit_code.h"
#include "harness/io/worker.h"

namespace bh::harness {

namespace {

using engine::TokenId;

static_assert(std::endian::native == std::endian::little, "the protocol's numbers are little-endian");

template <class Values>
std::string bytes_of(const Values& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(*values.data())};
}

/// What the stream itself throws must not be taken for a failed request.
struct BrokenStream : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Server {
 public:
  Server(Subject& subject, const WriteBytes& write) : subject_(subject), write_(write) {}

  void send(const Frame& frame) const { write_frame(frame, write_); }
  void send_error(ErrorKind kind, std::string_view message) const {
    send({"error", {{"kind", std::string(to_string(kind))}}, std::string(message)});
  }
  Frame describe(const char* name) const;
  void answer(const Frame& request) const;

 private:
  std::vector<TokenId> ids_of(const Frame& request) const;
  static void check_mode(const Frame& request);
  void logits(const Frame& request) const;
  void generate(const Frame& request) const;
  void trace(const Frame& request) const;
  void time(const Frame& request) const;
  void done(const std::vector<TokenId>& ids, const std::vector<std::int64_t>& steps,
            std::map<std::string, std::string> values) const;

  Subject& subject_;
  const WriteBytes& write_;
};

std::int32_t int32_of(const Frame& request, const char* key, std::int32_t otherwise) {
  const std::int64_t value = request.integer(key, otherwise);
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
    fail(ErrorKind::usage, "{}={} is out of range", key, value);
  }
  return static_cast<std::int32_t>(value);
}

float float_of(const Frame& request, const char* key, float otherwise) {
  const std::string text = request.text(key);
  if (text.empty()) return otherwise;
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  if (*end != '\0') fail(ErrorKind::usage, "{}={} is no number", key, text);
  return value;
}

bool flag_of(const Frame& request, const char* key, bool otherwise) {
  return request.integer(key, otherwise ? 1 : 0) != 0;
}

Frame Server::describe(const char* name) const {
  const SubjectInfo info = subject_.describe();
  std::string abilities;
  for (const Ability ability :
       {Ability::tokenize, Ability::logits, Ability::generate, Ability::sample, Ability::trace, Ability::timing}) {
    if (!subject_.why_not(ability).empty()) continue;
    abilities += fmt::format("{}{}", abilities.empty() ? "" : ",", to_string(ability));
  }
  Frame frame{name, {}, {}};
  frame.values = {{"protocol", kWorkerProtocol},
                  {"name", info.name},
                  {"mock", info.mock ? "1" : "0"},
                  {"version", info.version},
                  {"backend", info.backend},
                  {"numerics", info.numerics},
                  {"model", info.model_path.string()},
                  {"n_vocab", std::to_string(info.n_vocab)},
                  {"n_ctx", std::to_string(info.n_ctx)},
                  {"abilities", abilities}};
  for (const auto& kernel : info.kernels) frame.values["kernel." + kernel.name] = std::to_string(kernel.count);
  for (const auto& fact : info.facts) {
    if (fact.value().is_string()) frame.values["fact." + std::string(fact.key())] = fact.value().get_string();
  }
  return frame;
}

std::vector<TokenId> Server::ids_of(const Frame& request) const {
  if (request.payload.size() % sizeof(TokenId) != 0) fail(ErrorKind::usage, "the token ids are cut off");
  std::vector<TokenId> ids(request.payload.size() / sizeof(TokenId));
  if (ids.empty()) fail(ErrorKind::usage, "'{}' came without token ids", request.name);
  std::memcpy(ids.data(), request.payload.data(), request.payload.size());
  const SubjectInfo info = subject_.describe();
  for (const TokenId id : ids) {
    if (id < 0 || id >= info.n_vocab) fail(ErrorKind::usage, "token {} is not in the vocabulary", id);
  }
  if (request.name != "detokenize" && static_cast<std::int64_t>(ids.size()) > info.n_ctx) {
    fail(ErrorKind::usage, "{} tokens do not fit the context of {}; start the worker with -c", ids.size(), info.n_ctx);
  }
  return ids;
}

void Server::check_mode(const Frame& request) {
  const std::string mode = request.text("mode", "batch");
  if (mode != "batch" && mode != "single") fail(ErrorKind::usage, "mode is batch or single, not '{}'", mode);
}

void Server::done(const std::vector<TokenId>& ids, const std::vector<std::int64_t>& steps,
                  std::map<std::string, std::string> values) const {
  if (!steps.empty()) send({"steps", {}, bytes_of(steps)});
  send({"done", std::move(values), bytes_of(ids)});
}

void Server::logits(const Frame& request) const {
  check_mode(request);
  const auto ids = ids_of(request);
  const std::vector<float> all = subject_.logits(ids);
  const std::size_t n_vocab = all.size() / ids.size();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    send({"row", {{"position", std::to_string(i)}}, bytes_of(std::span(all).subspan(i * n_vocab, n_vocab))});
  }
  send({"done", {}, {}});
}

void Server::generate(const Frame& request) const {
  const auto ids = ids_of(request);
  engine::GenerateOptions options;
  options.max_tokens = int32_of(request, "max_tokens", -1);
  options.ignore_eog = flag_of(request, "ignore_eog", true);
  engine::SamplingOptions& sampling = options.sampling;
  sampling.temperature = float_of(request, "temperature", 0.0f);
  sampling.seed = static_cast<std::uint64_t>(request.integer("seed", 0));
  sampling.top_k = int32_of(request, "top_k", sampling.top_k);
  sampling.top_p = float_of(request, "top_p", sampling.top_p);
  sampling.min_p = float_of(request, "min_p", sampling.min_p);
  sampling.repeat_penalty = float_of(request, "repeat_penalty", sampling.repeat_penalty);
  sampling.repeat_last_n = int32_of(request, "repeat_last_n", sampling.repeat_last_n);
  engine::validate(sampling);
  const engine::Generation generation = subject_.generate(ids, options);
  done(generation.ids, generation.step_ns,
       {{"prefill_ns", std::to_string(generation.prefill_ns)}, {"decode_ns", std::to_string(generation.decode_ns)}});
}

void Server::trace(const Frame& request) const {
  check_mode(request);
  const auto ids = ids_of(request);
  subject_.trace(ids, [&](std::string_view name, int layer, std::span<const float> values, std::int64_t dim) {
    send({"tensor",
          {{"name", std::string(name)},
           {"layer", std::to_string(layer)},
           {"rows", std::to_string(dim == 0 ? 0 : static_cast<std::int64_t>(values.size()) / dim)},
           {"dim", std::to_string(dim)}},
          bytes_of(values)});
  });
  send({"done", {}, {}});
}

void Server::time(const Frame& request) const {
  TimingRequest wanted{ids_of(request), int32_of(request, "decode_tokens", 0), flag_of(request, "reuse", true)};
  if (wanted.decode_tokens < 0) fail(ErrorKind::usage, "decode_tokens is negative");
  const Timing timing = subject_.time(wanted);
  done(timing.ids, timing.step_ns,
       {{"prefill_ns", std::to_string(timing.prefill_ns)},
        {"decode_ns", std::to_string(timing.decode_ns)},
        {"reused", std::to_string(timing.prefill_ns == 0 ? wanted.prompt.size() : 0)}});
}

void Server::answer(const Frame& request) const {
  if (request.name == "describe") return send(describe("subject"));
  if (request.name == "tokenize") {
    const engine::EncodeOptions options{.add_special = flag_of(request, "add_bos", true),
                                        .parse_special = flag_of(request, "parse_special", false)};
    return send({"ids", {}, bytes_of(subject_.tokenize(request.payload, options))});
  }
  if (request.name == "detokenize") return send({"text", {}, subject_.detokenize(ids_of(request))});
  if (request.name == "logits") return logits(request);
  if (request.name == "generate") return generate(request);
  if (request.name == "trace") return trace(request);
  if (request.name == "time") return time(request);
  fail(ErrorKind::usage, "there is no request '{}'", request.name);
}

}  // namespace

void serve_worker(Subject& subject, const ReadBytes& read, const WriteBytes& write) {
  const WriteBytes checked = [&](std::string_view bytes) {
    try {
      write(bytes);
    } catch (const std::exception& error) {
      throw BrokenStream(error.what());
    }
  };
  const Server server(subject, checked);
  server.send(server.describe("hello"));
  FrameReader reader(read);
  for (Frame request;;) {
    try {
      if (!reader.next(request)) return;
    } catch (const FrameError& error) {
      server.send_error(ErrorKind::usage, error.what());
      throw Error(ErrorKind::usage, error.what());
    }
    try {
      server.answer(request);
    } catch (const BrokenStream&) {
      throw;
    } catch (const Error& error) {
      server.send_error(error.kind(), error.what());
    } catch (const FrameError& error) {
      server.send_error(ErrorKind::usage, error.what());
    } catch (const std::bad_alloc&) {
      server.send_error(ErrorKind::setup, "out of memory; ask for less at once");
    } catch (const std::exception& error) {
      server.send_error(ErrorKind::internal, error.what());
    }
  }
}

}  // namespace bh::harness
