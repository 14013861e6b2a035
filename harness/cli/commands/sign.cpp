// bitharness sign: signs the evidence of a run that is already there. `--sign` does the same at the end of a run.
#include <array>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/judge/attest.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "directory",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help = "the directory of a run",
              .positional = true},
    OptionRow{.name = "key",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "private key to sign with ('bitharness keygen' makes one)"},
};

int run(CommandContext& context) {
  const Options& options = context.options;
  if (!options.has("directory") || !options.has("key")) {
    fail(ErrorKind::usage, "needs the directory of a run and a private key: 'bitharness sign DIR --key FILE'");
  }
  const SigningKey key = SigningKey::read_private(options.text("key"));
  const std::filesystem::path directory = options.text("directory");
  sign_run(directory, key);
  context.out << fmt::format("{}  signed by {}\n", (directory / kEnvelopeFile).string(), key.id());
  return 0;
}

}  // namespace

const CommandRow kSignCommand{"sign", "Signs the receipt of a run, with the digests of its record, model and binary",
                              "DIR --key FILE", kRows, run};

}  // namespace bh::harness
