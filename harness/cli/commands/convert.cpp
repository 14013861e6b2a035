// bitharness convert: a Hugging Face folder as a GGUF file, or the other way round, with a report of every tensor.
#include <array>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/cli/conversion.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "path",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "source and target: a GGUF file or a Hugging Face folder each",
              .repeatable = true,
              .positional = true},
    OptionRow{.name = "to",
              .kind = OptionKind::choice,
              .value_name = "FORMAT",
              .help = "what to write; without it GGUF where the target ends in .gguf, else what the source is not",
              .choices = "gguf|hf"},
    OptionRow{.name = "type",
              .kind = OptionKind::choice,
              .value_name = "TYPE",
              .default_value = "i2_s",
              .help = "GGUF: type of the linear layers; float types hold the ternary values times their scale",
              .choices = "i2_s|f16|bf16|f32"},
    OptionRow{.name = "embedding-type",
              .kind = OptionKind::choice,
              .value_name = "TYPE",
              .help = "GGUF: type of embeddings and output; without it f16, or f32 with --type f32",
              .choices = "f16|bf16|f32|q8_0|q6_k"},
    OptionRow{.name = "layout",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .default_value = "packed",
              .help = "folder: ternary weights packed in bytes with bf16 scales, or a bf16 master that online "
                      "quantization turns back into them",
              .choices = "packed|master"},
    OptionRow{.name = "linear-class",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .default_value = "autobitlinear",
              .help = "folder: weight_scale multiplies, or is the reciprocal (bitlinear)",
              .choices = "autobitlinear|bitlinear"},
    rows::kPreTokenizer,
    OptionRow{.name = "force", .help = "replace what the target holds; in a folder only the model's own files"},
    rows::kJson,
};

engine::TensorType tensor_type(const std::string& name) {
  using engine::TensorType;
  if (name == "i2_s") return TensorType::i2_s;
  if (name == "f16") return TensorType::f16;
  if (name == "bf16") return TensorType::bf16;
  if (name == "f32") return TensorType::f32;
  if (name == "q8_0") return TensorType::q8_0;
  if (name == "q6_k") return TensorType::q6_k;
  fail(ErrorKind::internal, "'{}' is no weight format", name);
}

/// Options of the other format would be ignored in silence.
void refuse_strangers(const Options& options, bool to_gguf) {
  for (const char* name : {"type", "embedding-type", "layout", "linear-class"}) {
    const bool of_gguf = std::string_view(name).find("type") != std::string_view::npos;
    if (of_gguf != to_gguf && options.given(name))
      fail(ErrorKind::usage, "--{} is for {}, and {} is written", name, of_gguf ? "--to gguf" : "--to hf",
           to_gguf ? "a GGUF file" : "a folder");
  }
}

ConversionRequest request_of(const Options& options) {
  const auto paths = options.texts("path");
  if (paths.size() != 2) fail(ErrorKind::usage, "two paths are needed: bitharness convert SOURCE TARGET [options]");
  ConversionRequest request;
  request.source = paths[0];
  request.target = paths[1];
  if (!request.target.has_filename()) request.target = request.target.parent_path();
  std::error_code ignored;
  request.to_gguf = options.has("to")
                        ? options.text("to") == "gguf"
                        : fs::is_directory(request.source, ignored) || request.target.extension() == ".gguf";
  refuse_strangers(options, request.to_gguf);
  request.types.weights = tensor_type(options.text("type"));
  request.types.embeddings = options.has("embedding-type")   ? tensor_type(options.text("embedding-type"))
                             : options.text("type") == "f32" ? engine::TensorType::f32
                                                             : engine::TensorType::f16;
  request.layout.weights = options.text("layout") == "packed" ? engine::HfWeights::packed : engine::HfWeights::bf16;
  request.layout.linear_class = options.text("linear-class") == "autobitlinear" ? engine::LinearClass::autobitlinear
                                                                                : engine::LinearClass::bitlinear;
  request.pre = options.text("pre");
  request.force = options.flag("force");
  return request;
}

int run(CommandContext& context) {
  ConversionRequest request = request_of(context.options);
  request.cancelled = context.cancelled;
  request.leftovers = &context.leftovers;
  const json::object report = convert(request);
  for (const json::value& warning : report.at("warnings").as_array()) {
    context.err << "warning: " << to_valid_utf8(one_line(warning.as_string())) << "\n";
  }
  if (context.options.flag("json")) {
    context.out << write_json(report);
  } else {
    context.out << request.target.string() << "\n";
  }
  const json::object& summary = report.at("summary").as_object();
  context.err << fmt::format("{} tensors: {} exact, {} rounded, {} dropped; see {}\n",
                             summary.at("tensors").as_uint64(), summary.at("exact").as_int64(),
                             summary.at("rounded").as_int64(), summary.at("dropped").as_int64(),
                             conversion_report_path(request.target).string());
  return 0;
}

}  // namespace

const CommandRow kConvertCommand{"convert", "Writes a Hugging Face folder as GGUF, or GGUF as such a folder",
                                 "SOURCE TARGET [options]", kRows, run};

}  // namespace bh::harness
