// A model written in another form, read back, compared tensor by tensor with what it was, and only then put in place
// beside a report of what became of every tensor.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "engine/base/json.h"
#include "engine/model/gguf_model_writer.h"
#include "engine/model/hf_model_writer.h"
#include "harness/cli/staging.h"

namespace bh::harness {

struct ConversionRequest {
  std::filesystem::path source;  ///< GGUF file or Hugging Face folder
  std::filesystem::path target;
  bool to_gguf = true;
  engine::GgufTypes types;  ///< of a GGUF file
  engine::HfLayout layout;  ///< of a folder
  std::string pre;          ///< pre-tokenizer to take instead of the source's own; empty = that
  bool force = false;       ///< replace what the target holds

  std::function<bool()> cancelled = {};  ///< asked between steps; true ends the conversion with Error(setup)
  Leftovers* leftovers = nullptr;        ///< told of the unfinished folder, for whoever ends the process
};

/// In a target folder, shards and index of an earlier model go, since they would stand beside the new weights; other
/// files that are not written stay, but for a chat_template.jinja, which is refused. Returns the report
/// (bitharness.convert/1), which also stands at conversion_report_path(target). Whatever goes wrong before the last
/// step, the target and its old report stay as they were; that step renames files one by one, and a file system that
/// refuses one of these leaves those before it in place. Throws Error(usage) where the target exists and force is not
/// set or a type cannot hold the weights; Error(setup) on a source that is unsound or holds a tensor without a place.
json::object convert(const ConversionRequest& request);

/// "model.gguf.convert.json"
std::filesystem::path conversion_report_path(const std::filesystem::path& target);

}  // namespace bh::harness
