// bitharness worker: our engine behind the worker protocol, for other builds of bitharness and for anyone's scripts.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/core/exit_code.h"
#include "harness/io/model_locator.h"
#include "harness/io/worker_server.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    rows::kModel,  rows::kThreads, rows::kContext,  rows::kMicroBatch,
    rows::kKernel, rows::kDevice,  rows::kNumerics, rows::kPreTokenizer,
};

SubjectSettings settings_from(const Options& options) {
  SubjectSettings settings;
  settings.model = locate_model(options.text("model"), executable_path());
  settings.device = options.text("device");
  settings.kernel = options.text("kernel");
  settings.pre_tokenizer = options.text("pre");
  settings.threads = static_cast<int>(options.integer_or("threads", 0));
  settings.n_ctx = static_cast<std::int32_t>(options.integer("ctx-size"));
  settings.n_ubatch = static_cast<std::int32_t>(options.integer("ubatch-size"));
  settings.numerics = engine::numerics_from(options.text("numerics"));
  return settings;
}

/// A stream would wait for a whole buffer; a request is answered when it is there.
std::size_t read_stdin(char* data, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, data, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) fail(ErrorKind::setup, "cannot read the standard input: {}", std::strerror(errno));
  }
}

int run(CommandContext& context) {
  const WriteBytes write = [&](std::string_view bytes) {
    context.out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
    if (!context.out) fail(ErrorKind::setup, "cannot write to the standard output: nobody reads it");
  };
  const ReadBytes read_stream = [&](char* data, std::size_t size) {
    context.in.read(data, static_cast<std::streamsize>(size));
    return static_cast<std::size_t>(context.in.gcount());
  };
  for (const SubjectRow& row : context.app.subjects) {
    if (row.name != "engine") continue;
    std::unique_ptr<Subject> subject;
    try {
      subject = row.open(settings_from(context.options));
    } catch (const Error& error) {
      // Whoever started us reads frames, people read stderr.
      write_frame({"error", {{"kind", std::string(to_string(error.kind()))}}, error.what()}, write);
      throw;
    }
    serve_worker(*subject, &context.in == &std::cin ? ReadBytes(read_stdin) : read_stream, write);
    return 0;
  }
  fail(ErrorKind::internal, "the list of subjects has no engine");
}

}  // namespace

const CommandRow kWorkerCommand{
    "worker", "Answers requests for tokens, logits and text on stdin and stdout, for other programs", "", kRows, run};

}  // namespace bh::harness
