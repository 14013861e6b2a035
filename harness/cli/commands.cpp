// The list of commands that are no suites.
#include "harness/cli/commands.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "engine/base/error.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;

std::string read_stream(std::istream& in, std::string_view what) {
  std::string text;
  std::string block(std::size_t{1} << 16, '\0');
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    text.append(block, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxTextBytes) {
      fail(ErrorKind::usage, "{} holds more than {} MiB of text; give less", what, kMaxTextBytes >> 20);
    }
  }
  return text;
}

}  // namespace

std::span<const CommandRow> commands() noexcept {
  static const std::array kCommands = {
      kRunCommand,     kTokenizeCommand, kInspectCommand, kPerplexityCommand, kConvertCommand,     kSynthCommand,
      kKeygenCommand,  kSignCommand,     kVerifyCommand,  kSignoffCommand,    kReportCommand,      kWorkerCommand,
      kDevicesCommand, kDoctorCommand,   kCompareCommand, kBaselineCommand,   kCompletionsCommand,
  };
  return kCommands;
}

std::string read_text(CommandContext& context) {
  const bool has_prompt = context.options.has("prompt");
  const bool has_file = context.options.has("file");
  if (has_prompt && has_file) fail(ErrorKind::usage, "-p and -f both give the text; take one");
  if (has_prompt) return context.options.text("prompt");
  const std::string path = context.options.text("file");
  if (!has_file || path == "-") {
    if (!has_file && &context.in == &std::cin && ::isatty(STDIN_FILENO) == 1) {
      fail(ErrorKind::usage, "there is no text: give it with -p TEXT or -f FILE, or pipe it in");
    }
    return read_stream(context.in, "the standard input");
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    fail(ErrorKind::setup, "cannot read '{}': {}; pipe a device or FIFO in with -f -", to_valid_utf8(path),
         error ? error.message() : "it is no regular file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::setup, "cannot read '{}'; may you read it?", to_valid_utf8(path));
  return read_stream(file, to_valid_utf8(path));
}

engine::HeadScreen head_screen_from(std::string_view name) {
  if (name == "never") return engine::HeadScreen::never;
  return name == "always" ? engine::HeadScreen::always : engine::HeadScreen::automatic;
}

}  // namespace bh::harness
