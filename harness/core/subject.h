// A thing under test: our engine, a mock, later another build or a server. The list is suites/subjects/subjects.cpp.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/runtime/generate.h"

namespace bh::harness {

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
};

/// Not thread-safe. Each call starts from an empty context.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual SubjectInfo describe() const = 0;
  virtual std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) = 0;
  virtual std::string detokenize(std::span<const engine::TokenId> ids) = 0;
  /// Logits of every position [ids.size(), n_vocab].
  virtual std::vector<float> logits(std::span<const engine::TokenId> ids) = 0;
  virtual engine::Generation generate(std::span<const engine::TokenId> prompt,
                                      const engine::GenerateOptions& options) = 0;
};

struct SubjectSettings {
  std::filesystem::path model;
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
