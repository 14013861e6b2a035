// bitharness verify: whether a receipt and the evidence beside it deserve belief.
#include <array>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/core/text.h"
#include "harness/judge/attest.h"
#include "harness/judge/replay.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "receipt",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "a receipt.json, or the directory of a run",
              .positional = true},
    OptionRow{.name = "key",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "public key of the signer that is trusted; another signer is exit 3"},
    OptionRow{.name = "model",
              .aliases = "m",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "compare this model with the digest in the receipt"},
    OptionRow{.name = "binary",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "compare this bitharness with the digest in the receipt"},
    OptionRow{.name = "replay", .help = "compute the tokens again and compare the hashes of tokens and logits"},
    OptionRow{.name = "allow-corrections", .help = "let a receipt pass that lists corrections"},
    rows::kThreads,
    rows::kJson,
};

int run(CommandContext& context) {
  const Options& options = context.options;
  if (!options.has("receipt"))
    fail(ErrorKind::usage, "which receipt? 'bitharness verify DIR' or 'verify receipt.json'");
  VerifyRequest request;
  request.path = options.text("receipt");
  if (options.has("key")) request.key = SigningKey::read_public(options.text("key"));
  request.model = options.text("model");
  request.binary = options.text("binary");
  request.gates.allow_corrections = options.flag("allow-corrections");
  if (options.flag("replay")) {
    request.replay = [&](const json::object& receipt) {
      return replay(receipt, context.app.subjects, request.model, static_cast<int>(options.integer_or("threads", 0)));
    };
  }
  const auto checks = verify_run(request);
  const ExitCode code = exit_code_of(checks);
  const char* verdict = code == ExitCode::ok ? "VERIFIED" : code == ExitCode::failed ? "REFUSED" : "INCONCLUSIVE";
  if (options.flag("json")) {
    json::value document = json::object{{"receipt", request.path.string()},
                                        {"verdict", verdict},
                                        {"exit_code", static_cast<int>(code)},
                                        {"checks", to_json(checks)}};
    make_valid_utf8(document);
    context.out << write_json(document);
  } else {
    context.out << to_text(checks) << fmt::format("{}: {}\n", verdict, one_line(request.path.string()));
  }
  return static_cast<int>(code);
}

}  // namespace

const CommandRow kVerifyCommand{"verify", "Checks a receipt: its gates, the files beside it, its signature, its hashes",
                                "RECEIPT|DIR [options]", kRows, run};

}  // namespace bh::harness
