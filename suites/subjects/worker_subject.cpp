#include "suites/subjects/worker_subject.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <exception>

#include "engine/base/error.h"
#include "harness/io/worker.h"
#include "suites/subjects/stop_texts.h"

namespace bh::suites {

using engine::TokenId;
using harness::Ability;
using harness::Ending;
using harness::Frame;
using harness::SubjectError;
using harness::SubjectFault;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

static_assert(std::endian::native == std::endian::little, "the protocol's numbers are little-endian");

constexpr milliseconds kTimeLimit{600'000};
constexpr milliseconds kGrace{500};  ///< a worker ends with its input
constexpr std::int64_t kLargestVocabulary = std::int64_t{1} << 24;
constexpr std::size_t kMostTensors = 1'000'000;  ///< of one trace
// A position of a 70B model (80 layers of 8192, feed-forward 28672) has 63 MB of intermediate results, one of 2B-4T has
// 7 MB. Whoever sends more than this for each position, or for all of them, sends without end.
constexpr std::uint64_t kTraceBytesPerPosition = std::uint64_t{128} << 20;
constexpr std::uint64_t kTraceBytes = std::uint64_t{8} << 30;
constexpr std::size_t kLongestMessage = 400;  ///< of an error, in bytes; more is cut

std::string payload_of(std::span<const TokenId> ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size_bytes()};
}

SubjectFault fault_of(Ending ending) {
  switch (ending) {
    case Ending::signalled:
      return SubjectFault::crashed;
    case Ending::timed_out:
      return SubjectFault::hung;
    case Ending::flooded:
      return SubjectFault::flooded;
    case Ending::not_started:
      return SubjectFault::not_started;
    default:
      return SubjectFault::ended;
  }
}

/// Text of a worker, safe to show: control characters made visible, cut where it goes on.
std::string shown(std::string_view text) {
  return one_line(text.substr(0, kLongestMessage)) + (text.size() > kLongestMessage ? "..." : "");
}

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == word) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

void add_sampling(Frame& request, const engine::GenerateOptions& options) {
  const engine::SamplingOptions& sampling = options.sampling;
  request.values["ignore_eog"] = options.ignore_eog ? "1" : "0";
  request.values["temperature"] = fmt::format("{}", sampling.temperature);
  request.values["seed"] = std::to_string(static_cast<std::int64_t>(sampling.seed));
  request.values["top_k"] = std::to_string(sampling.top_k);
  request.values["top_p"] = fmt::format("{}", sampling.top_p);
  request.values["min_p"] = fmt::format("{}", sampling.min_p);
  request.values["repeat_penalty"] = fmt::format("{}", sampling.repeat_penalty);
  request.values["repeat_last_n"] = std::to_string(sampling.repeat_last_n);
}

}  // namespace

WorkerSubject::WorkerSubject(std::string name, const harness::Command& command,
                             const harness::SubjectSettings& settings)
    : command_line_(command.line()),
      mode_(settings.numerics == engine::Numerics::reference_single ? "single" : "batch"),
      time_limit_(settings.time_limit.count() > 0 ? settings.time_limit : kTimeLimit),
      cancelled_(settings.cancelled) {
  info_.name = std::move(name);
  info_.model_path = settings.model;
  harness::ChildLimits limits;
  limits.time = time_limit_;
  limits.grace = kGrace;
  limits.cancelled = settings.cancelled;
  try {
    child_ = std::make_unique<harness::Child>(command, limits);
  } catch (const Error& error) {
    throw SubjectError(SubjectFault::not_started, error.what());
  }
  reader_ = std::make_unique<harness::FrameReader>([this](char* data, std::size_t size) {
    // The child's own limit is one of silence; a trickle must not go on for ever either.
    return steady_clock::now() < deadline_ ? child_->read(data, size) : std::size_t{0};
  });
  deadline_ = steady_clock::now() + time_limit_;
  take_hello(next());
}

void WorkerSubject::misbehaved(SubjectFault fault, std::string_view what) {
  const auto status = child_->finish();
  std::string message = fmt::format("{} ({}): {}", info_.name, command_line_, what);
  // That we had to stop it says nothing about it; that it ended, or what it said, does.
  if (!status.stopped_by_us) {
    message += "; it " + status.explain();
  } else if (const std::string last = status.explain().substr(status.describe().size()); !last.empty()) {
    message += last;
  }
  dead_.emplace(fault, message);
  throw *dead_;
}

void WorkerSubject::ended(std::string_view during) {
  if (child_->status().ending == Ending::running && steady_clock::now() >= deadline_) {
    misbehaved(SubjectFault::hung, fmt::format("took longer than {} s to answer '{}'",
                                               static_cast<double>(time_limit_.count()) / 1000, asked_));
  }
  const auto status = child_->finish();
  // An older build of bitharness says in usage that it has no such command.
  const bool no_worker = asked_ == "hello" && status.ending == Ending::exited && status.exit_code == 2;
  dead_.emplace(no_worker ? SubjectFault::wrong_version : fault_of(status.ending),
                fmt::format("{} ({}) {} {}{}", info_.name, command_line_, status.explain(), during,
                            no_worker ? "; a program without the command 'worker', such as an older build, cannot be "
                                        "a subject"
                                      : ""));
  throw *dead_;
}

Frame WorkerSubject::next() {
  Frame frame;
  try {
    if (!reader_->next(frame)) ended(fmt::format("before it had answered '{}'", asked_));
  } catch (const harness::FrameError& error) {
    if (child_->status().ending == Ending::timed_out || child_->status().ending == Ending::cancelled ||
        steady_clock::now() >= deadline_) {
      ended(fmt::format("while it answered '{}'", asked_));
    }
    misbehaved(SubjectFault::garbage, fmt::format("does not speak {}: {}", harness::kWorkerProtocol, error.what()));
  }
  return frame;
}

void WorkerSubject::ask(const Frame& request) {
  if (dead_) throw *dead_;
  asked_ = request.name;
  deadline_ = steady_clock::now() + time_limit_;
  try {
    harness::write_frame(request, [this](std::string_view bytes) { child_->write(bytes); });
  } catch (const Error&) {
    ended(fmt::format("and did not take the request '{}'", asked_));
  }
}

/// The next frame, which has to be one of the two; an error of the worker becomes one of ours.
Frame WorkerSubject::answer(std::string_view expected, std::string_view or_else) {
  Frame frame = next();
  if (frame.name == "error") {
    const std::string what = fmt::format("{} cannot do '{}': {}", info_.name, asked_, shown(frame.payload));
    if (frame.text("kind") == "usage") throw Error(ErrorKind::usage, what);
    throw SubjectError(SubjectFault::refused, what);
  }
  if (frame.name != expected && frame.name != or_else) {
    misbehaved(SubjectFault::garbage, fmt::format("answered '{}' with a frame '{}'", asked_, frame.name));
  }
  return frame;
}

void WorkerSubject::take_hello(const Frame& hello) {
  if (hello.name == "error") {
    misbehaved(SubjectFault::refused, fmt::format("does not start: {}", shown(hello.payload)));
  }
  const std::string protocol = hello.text("protocol", "nothing");
  if (hello.name != "hello" || protocol != harness::kWorkerProtocol) {
    misbehaved(hello.name == "hello" ? SubjectFault::wrong_version : SubjectFault::garbage,
               fmt::format("greets with '{}' and protocol {}; {} is needed", hello.name, shown(protocol),
                           harness::kWorkerProtocol));
  }
  abilities_ = hello.text("abilities");
  read_info(hello);
}

void WorkerSubject::read_info(const Frame& frame) {
  try {
    const std::int64_t n_vocab = frame.integer("n_vocab"), n_ctx = frame.integer("n_ctx");
    if (n_vocab < 1 || n_vocab > kLargestVocabulary || n_ctx < 1 || n_ctx > kLargestVocabulary) {
      misbehaved(SubjectFault::garbage, fmt::format("says n_vocab={} n_ctx={}", n_vocab, n_ctx));
    }
    info_.n_vocab = static_cast<std::int32_t>(n_vocab);
    info_.n_ctx = static_cast<std::int32_t>(n_ctx);
    info_.mock = frame.integer("mock") != 0;
    info_.version = frame.text("version");
    info_.backend = frame.text("backend");
    info_.numerics = frame.text("numerics");
    info_.kernels.clear();
    info_.facts["program"] = command_line_;
    for (const auto& [key, value] : frame.values) {
      if (key.compare(0, 5, "fact.") == 0) info_.facts[key.substr(5)] = value;
      if (key.compare(0, 7, "kernel.") == 0) {
        info_.kernels.push_back({key.substr(7), static_cast<std::uint64_t>(frame.integer(key))});
      }
    }
  } catch (const harness::FrameError& error) {
    misbehaved(SubjectFault::garbage, error.what());
  }
}

harness::SubjectInfo WorkerSubject::describe() const {
  auto& self = const_cast<WorkerSubject&>(*this);  // kernel counts change with every call
  const harness::PausedAfterwards paused(child_.get());
  self.ask({"describe", {}, {}});
  self.read_info(self.answer("subject"));
  return info_;
}

std::string WorkerSubject::why_not(Ability ability) const {
  if (has_word(abilities_, to_string(ability))) return {};
  return fmt::format("{} cannot {}", info_.name,
                     ability == Ability::timing ? "time its work" : std::string(to_string(ability)));
}

void WorkerSubject::require(Ability ability) const {
  if (const std::string reason = why_not(ability); !reason.empty()) fail(ErrorKind::setup, "{}", reason);
}

std::vector<TokenId> WorkerSubject::ids_of(const Frame& frame) {
  std::vector<TokenId> ids(frame.payload.size() / sizeof(TokenId));
  if (frame.payload.size() % sizeof(TokenId) != 0) {
    misbehaved(SubjectFault::garbage,
               fmt::format("answered '{}' with {} bytes of token ids", asked_, frame.payload.size()));
  }
  if (!ids.empty()) std::memcpy(ids.data(), frame.payload.data(), frame.payload.size());
  for (const TokenId id : ids) {
    if (id < 0 || id >= info_.n_vocab) {
      misbehaved(SubjectFault::garbage, fmt::format("answered '{}' with token {} of {}", asked_, id, info_.n_vocab));
    }
  }
  return ids;
}

std::vector<float> WorkerSubject::floats_of(const Frame& frame, std::size_t count) {
  if (frame.payload.size() != count * sizeof(float)) {
    misbehaved(SubjectFault::garbage, fmt::format("answered '{}' with a '{}' of {} bytes, {} expected", asked_,
                                                  frame.name, frame.payload.size(), count * sizeof(float)));
  }
  std::vector<float> values(count);
  if (count > 0) std::memcpy(values.data(), frame.payload.data(), frame.payload.size());
  return values;
}

std::vector<TokenId> WorkerSubject::tokenize(std::string_view text, const engine::EncodeOptions& options) {
  require(Ability::tokenize);
  ask({"tokenize",
       {{"add_bos", options.add_special ? "1" : "0"}, {"parse_special", options.parse_special ? "1" : "0"}},
       std::string(text)});
  return ids_of(answer("ids"));
}

std::string WorkerSubject::detokenize(std::span<const TokenId> ids) {
  require(Ability::tokenize);
  if (ids.empty()) return {};
  ask({"detokenize", {}, payload_of(ids)});
  return answer("text").payload;
}

std::vector<float> WorkerSubject::logits(std::span<const TokenId> ids) {
  require(Ability::logits);
  ask({"logits", {{"mode", mode_}}, payload_of(ids)});
  std::vector<float> all;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Frame row = answer("row");
    const auto values = floats_of(row, static_cast<std::size_t>(info_.n_vocab));
    if (row.text("position") != std::to_string(i)) {
      misbehaved(SubjectFault::garbage,
                 fmt::format("sent the row of position '{}', not {}", shown(row.text("position")), i));
    }
    if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
      misbehaved(SubjectFault::garbage, fmt::format("sent logits that are not finite at position {}", i));
    }
    all.insert(all.end(), values.begin(), values.end());
  }
  answer("done");
  return all;
}

harness::Timing WorkerSubject::answer_timed() {
  harness::Timing timing;
  Frame frame = answer("steps", "done");
  if (frame.name == "steps") {
    timing.step_ns.resize(frame.payload.size() / sizeof(std::int64_t));
    if (frame.payload.size() % sizeof(std::int64_t) != 0 || timing.step_ns.empty()) {
      misbehaved(SubjectFault::garbage, "sent step times that are cut off");
    }
    std::memcpy(timing.step_ns.data(), frame.payload.data(), frame.payload.size());
    frame = answer("done");
  }
  timing.ids = ids_of(frame);
  try {
    timing.prefill_ns = frame.integer("prefill_ns");
    timing.decode_ns = frame.integer("decode_ns");
  } catch (const harness::FrameError& error) {
    misbehaved(SubjectFault::garbage, error.what());
  }
  const bool negative = std::any_of(timing.step_ns.begin(), timing.step_ns.end(), [](auto ns) { return ns < 0; });
  if (negative || timing.prefill_ns < 0 || timing.decode_ns < 0) {
    misbehaved(SubjectFault::garbage, fmt::format("answered '{}' with negative times", asked_));
  }
  return timing;
}

engine::Generation WorkerSubject::generate(std::span<const TokenId> prompt, const engine::GenerateOptions& options) {
  require(Ability::generate);
  const bool samples = options.sampling.temperature > 0;
  if (samples) require(Ability::sample);
  const auto room = info_.n_ctx - static_cast<std::int64_t>(prompt.size());
  const std::int64_t wanted = options.max_tokens < 0 ? room : std::min<std::int64_t>(options.max_tokens, room);
  Frame request{"generate", {{"max_tokens", std::to_string(wanted)}}, payload_of(prompt)};
  if (has_word(abilities_, to_string(Ability::sample))) {
    add_sampling(request, options);
  } else if (!options.ignore_eog) {
    fail(ErrorKind::setup, "{} generates past end tokens only", info_.name);
  }
  ask(request);
  harness::Timing timing = answer_timed();
  if (static_cast<std::int64_t>(timing.ids.size()) > wanted) {
    misbehaved(SubjectFault::garbage, fmt::format("generated {} tokens, {} were asked for", timing.ids.size(), wanted));
  }
  engine::Generation generation;
  generation.ids = std::move(timing.ids);
  generation.prefill_ns = timing.prefill_ns;
  generation.decode_ns = timing.decode_ns;
  generation.step_ns = std::move(timing.step_ns);
  const auto size = static_cast<std::int64_t>(generation.ids.size());
  generation.stop_reason = size < wanted                  ? engine::StopReason::eog
                           : options.max_tokens == wanted ? engine::StopReason::max_tokens
                                                          : engine::StopReason::context_full;
  generation.text = detokenize(generation.ids);
  cut_at_stop_text(generation, options.stop_texts);
  return generation;
}

void WorkerSubject::trace(std::span<const TokenId> ids, const engine::Tap& tap) {
  require(Ability::trace);
  ask({"trace", {{"mode", mode_}}, payload_of(ids)});
  const std::uint64_t most = std::min(kTraceBytes, ids.size() * kTraceBytesPerPosition);
  std::uint64_t bytes = 0;
  std::exception_ptr thrown;  // by the tap: what the worker still sends is read before it goes on its way
  for (std::size_t count = 0;; ++count) {
    const Frame tensor = answer("tensor", "done");
    if (tensor.name == "done") break;
    bytes += tensor.payload.size();
    if (count == kMostTensors || bytes > most) {
      misbehaved(SubjectFault::flooded, fmt::format("sent tensors without end: {} of them, {} MiB, for {} positions",
                                                    count + 1, bytes >> 20, ids.size()));
    }
    std::int64_t rows = 0, dim = 0, layer = 0;
    try {
      rows = tensor.integer("rows");
      dim = tensor.integer("dim");
      layer = tensor.integer("layer", -1);
    } catch (const harness::FrameError& error) {
      misbehaved(SubjectFault::garbage, error.what());
    }
    constexpr std::int64_t kMost = std::int64_t{1} << 30;
    if (rows < 0 || rows > static_cast<std::int64_t>(ids.size()) || dim < 1 || rows > kMost / dim || layer < -1 ||
        layer > 100'000) {
      misbehaved(SubjectFault::garbage, fmt::format("sent a tensor of {} x {} for layer {}", rows, dim, layer));
    }
    const auto values = floats_of(tensor, static_cast<std::size_t>(rows * dim));
    try {
      if (!thrown) tap(tensor.text("name"), static_cast<int>(layer), values, dim);
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

harness::Timing WorkerSubject::time(const harness::TimingRequest& request) {
  require(Ability::timing);
  const harness::PausedAfterwards paused(child_.get());
  ask({"time",
       {{"decode_tokens", std::to_string(request.decode_tokens)}, {"reuse", request.reuse_prompt ? "1" : "0"}},
       payload_of(request.prompt)});
  harness::Timing timing = answer_timed();
  if (static_cast<std::int64_t>(timing.ids.size()) != request.decode_tokens) {
    misbehaved(SubjectFault::garbage,
               fmt::format("decoded {} tokens, {} were asked for", timing.ids.size(), request.decode_tokens));
  }
  return timing;
}

}  // namespace bh::suites
