// bitharness keygen: a pair of keys to sign the evidence of runs with.
#include <array>
#include <filesystem>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/io/signing.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "output",
              .aliases = "o",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .default_value = ".",
              .help = "write bitharness.key (private, readable by you alone) and bitharness.pub into DIR"},
};

void write_new(const fs::path& path, const std::string& text, unsigned mode) {
  AtomicFile file(path, mode);
  file.write(text);
  file.commit();
}

int run(CommandContext& context) {
  const fs::path folder = context.options.text("output");
  const fs::path secret = folder / "bitharness.key", shown = folder / "bitharness.pub";
  std::error_code error;
  fs::create_directories(folder, error);
  for (const fs::path& path : {secret, shown}) {
    if (fs::exists(fs::symlink_status(path, error))) {
      fail(ErrorKind::setup, "{} is already there, and a lost key cannot be had back; choose another folder (-o)",
           path.string());
    }
  }
  const KeyFiles files = generate_signing_key();
  write_new(secret, files.private_pem, 0600);
  write_new(shown, files.public_pem, 0644);
  context.out << fmt::format(
      "private key  {}  (keep it to yourself; it signs)\npublic key   {}  (hand it out; it verifies)\n"
      "key id       {}\n",
      secret.string(), shown.string(), SigningKey::public_from_pem(files.public_pem, shown.string()).id());
  return 0;
}

}  // namespace

const CommandRow kKeygenCommand{"keygen", "Makes a pair of Ed25519 keys that sign and verify the evidence of runs", "",
                                kRows, run};

}  // namespace bh::harness
