// A thing under test: our engine, a mock, later another build or a server. The list is suites/subjects/subjects.cpp.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/runtime/generate.h"

namespace bh::harness {

/// What a subject may be unable to do; a case that needs it is then skipped with the subject's reason.
/// `generate` is greedy; `sample` is generate with temperature and seed.
enum class Ability { tokenize, logits, generate, sample, trace, timing };
std::string_view to_string(Ability ability) noexcept;

struct SubjectInfo {
  std::string name;   ///< "engine", "mock"
  bool mock = false;  ///< a mock is never taken for real: every output says so
  std::string version;
  std::string backend;   ///< "cpu, avx512_vnni, 2 threads"
  std::string numerics;  ///< rounding points it follows: "one_answer"
  std::filesystem::path model_path;
  std::int32_t n_vocab = 0;
  std::int32_t n_ctx = 0;
  std::vector<engine::KernelCount> kernels;  ///< counted so far
  json::object facts;  ///< what else it says of itself: a reference's commit, build flags, activation
};

/// How a subject in another process or machine failed to answer. `refused` is an answer: it does not take this model.
enum class SubjectFault { not_started, crashed, ended, hung, garbage, flooded, wrong_version, refused };
std::string_view to_string(SubjectFault fault) noexcept;

/// The Error(setup) of such a subject, so that a suite can tell its failure from one of the model or the machine.
struct SubjectError : Error {
  SubjectError(SubjectFault what, std::string_view message) : Error(ErrorKind::setup, message), fault(what) {}
  SubjectFault fault;
};

/// One timed piece of greedy work. End tokens do not end it.
struct TimingRequest {
  std::vector<engine::TokenId> prompt;
  std::int32_t decode_tokens = 0;  ///< 0 = prefill only
  /// The prompt of the call before may stay in the KV cache where it is the same: then only decoding is timed.
  bool reuse_prompt = false;
};

struct Timing {
  std::vector<engine::TokenId> ids;   ///< decoded
  std::int64_t prefill_ns = 0;        ///< 0 where the prompt was reused
  std::int64_t decode_ns = 0;         ///< of the steps after the first token
  std::vector<std::int64_t> step_ns;  ///< one per decode step; empty where the subject does not tell them apart
};

/// Not thread-safe. Each call starts from an empty context. A call for which why_not() has a reason throws Error(setup)
/// with that reason.
class Subject {
 public:
  virtual ~Subject() = default;
  /// Throws SubjectError where a subject elsewhere does not answer any more.
  virtual SubjectInfo describe() const = 0;
  virtual std::string why_not(Ability) const { return {}; }  ///< empty = it can
  virtual std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) = 0;
  virtual std::string detokenize(std::span<const engine::TokenId> ids) = 0;
  /// Logits of every position [ids.size(), n_vocab].
  virtual std::vector<float> logits(std::span<const engine::TokenId> ids) = 0;
  virtual engine::Generation generate(std::span<const engine::TokenId> prompt,
                                      const engine::GenerateOptions& options) = 0;
  /// Every named intermediate result of one evaluation of `ids`, in the order computed.
  virtual void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) = 0;
  virtual Timing time(const TimingRequest& request) = 0;
};

struct SubjectSettings {
  std::filesystem::path model;
  std::string address;  ///< of subjects that are elsewhere: a URL, a program, a reference's folder
  std::filesystem::path api_key_file;
  std::chrono::milliseconds time_limit{0};  ///< of one answer of such a subject; 0 = its own default
  std::function<bool()> cancelled;
  std::string device = "auto";
  std::string kernel;  ///< empty = best usable
  std::string pre_tokenizer;
  int threads = 0;         ///< 0 = every usable core
  std::int32_t n_ctx = 0;  ///< 0 = the model's own
  std::int32_t n_ubatch = 512;
  engine::Numerics numerics = engine::Numerics::one_answer;
};

/// A row of the list of subjects.
struct SubjectRow {
  std::string_view name;
  std::string_view summary;
  bool mock;
  std::unique_ptr<Subject> (*open)(const SubjectSettings& settings);
};

json::object to_json(const SubjectInfo& info);

}  // namespace bh::harness
