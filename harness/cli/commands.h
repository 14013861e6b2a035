// The list of commands, and the option rows several of them share.
#pragma once

#include <span>

#include "harness/cli/app.h"
#include "harness/core/engine_rows.h"

namespace bh::harness {

std::span<const CommandRow> commands() noexcept;

// One file each in commands/.
extern const CommandRow kRunCommand;
extern const CommandRow kInspectCommand;
extern const CommandRow kTokenizeCommand;
extern const CommandRow kPerplexityCommand;
extern const CommandRow kConvertCommand;
extern const CommandRow kSynthCommand;
extern const CommandRow kKeygenCommand;
extern const CommandRow kSignCommand;
extern const CommandRow kVerifyCommand;
extern const CommandRow kSignoffCommand;
extern const CommandRow kDoctorCommand;
extern const CommandRow kWorkerCommand;
extern const CommandRow kDevicesCommand;
extern const CommandRow kReportCommand;
extern const CommandRow kCompletionsCommand;
extern const CommandRow kCompareCommand;
extern const CommandRow kBaselineCommand;

namespace rows {
inline constexpr OptionRow kModel{.name = "model",
                                  .aliases = "m",
                                  .kind = OptionKind::text,
                                  .value_name = "PATH",
                                  .help = "GGUF file or Hugging Face folder; without it the shipped model kjv-3m"};
inline constexpr OptionRow kPreTokenizer{
    .name = "pre",
    .kind = OptionKind::text,
    .value_name = "NAME",
    .help = "pre-tokenizer to use instead of the model's own: llama-bpe, gpt-2, default"};
inline constexpr OptionRow kContext{.name = "ctx-size",
                                    .aliases = "c",
                                    .kind = OptionKind::integer,
                                    .value_name = "N",
                                    .default_value = "0",
                                    .help = "context in tokens; 0 = the model's own",
                                    .min = 0,
                                    .max = 1 << 24};
inline constexpr OptionRow kBatch{.name = "batch-size",
                                  .aliases = "b",
                                  .kind = OptionKind::integer,
                                  .value_name = "N",
                                  .default_value = "2048",
                                  .help = "tokens of the prompt handed over at once",
                                  .min = 1,
                                  .max = 1 << 20};
inline constexpr OptionRow kMicroBatch{.name = "ubatch-size",
                                       .aliases = "ub",
                                       .kind = OptionKind::integer,
                                       .value_name = "N",
                                       .default_value = "512",
                                       .help = "tokens computed in one step",
                                       .min = 1,
                                       .max = 1 << 16};
inline constexpr OptionRow kHeadScreen{
    .name = "head-screen",
    .kind = OptionKind::choice,
    .value_name = "WHEN",
    .default_value = "auto",
    .help =
        "where only the likeliest tokens matter, find them with a 6-bit copy of the LM head and rescore: the "
        "answer is the same",
    .choices = "auto|never|always"};
inline constexpr OptionRow kNumerics{
    .name = "numerics",
    .kind = OptionKind::choice,
    .value_name = "MODE",
    .default_value = "one_answer",
    .help =
        "rounding points: ours, the same bits everywhere; ours with keys and values kept in int8, half their bytes; or "
        "those of bitnet.cpp, for comparison",
    .choices = "one_answer|one_answer_kv_int8|reference_batch|reference_single"};
inline constexpr OptionRow kJson{
    .name = "json", .kind = OptionKind::flag, .help = "print the result as one JSON document"};
inline constexpr OptionRow kPrompt{
    .name = "prompt", .aliases = "p", .kind = OptionKind::text, .value_name = "TEXT", .help = "the text"};
inline constexpr OptionRow kFile{.name = "file",
                                 .aliases = "f",
                                 .kind = OptionKind::text,
                                 .value_name = "FILE",
                                 .help = "read the text from a file; - is the standard input"};
}  // namespace rows

/// The text of -p or -f, or of the standard input where neither is given. Throws Error(usage) where both are.
std::string read_text(CommandContext& context);

engine::HeadScreen head_screen_from(std::string_view name);

}  // namespace bh::harness
