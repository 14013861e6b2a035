// libFuzzer's entry. One program for all targets: --target=NAME picks the row, --write-seeds=FOLDER writes its seeds
// and dictionary (FOLDER.dict) and ends, --list prints the names. Everything else on the command line is libFuzzer's.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/targets.h"

namespace {

using bh::fuzz::Seed;
using bh::fuzz::Target;

const Target* chosen = nullptr;

[[noreturn]] void usage(const char* problem) {
  std::fprintf(stderr, "bh_fuzz: %s; usage: bh_fuzz --target=NAME [--write-seeds=FOLDER] [libFuzzer's arguments]\n",
               problem);
  std::exit(2);
}

/// The argument of `flag` ("--target="), empty if it is not given.
std::string_view value_of(std::string_view flag, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.substr(0, flag.size()) == flag) return argument.substr(flag.size());
  }
  return {};
}

/// As libFuzzer reads dictionaries: one quoted word a line, bytes as \xNN.
std::string dictionary_line(std::string_view word) {
  std::string out = "\"";
  char escaped[5];
  for (const char c : word) {
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += escaped;
  }
  return out + "\"\n";
}

bool write_seeds(const Target& target, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  bool good = true;
  for (const Seed& seed : target.seeds()) {
    std::ofstream file(folder / seed.name, std::ios::binary);
    file.write(seed.bytes.data(), static_cast<std::streamsize>(seed.bytes.size()));
    good = good && file.flush();
  }
  std::ofstream dictionary(folder.string() + ".dict");
  for (const std::string& word : target.words()) dictionary << dictionary_line(word);
  return good && dictionary.flush();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc > 1 && std::string_view((*argv)[1]) == "--list") {
    for (const Target& target : bh::fuzz::targets()) std::printf("%s\n", std::string(target.name).c_str());
    std::exit(0);
  }
  const std::string_view name = value_of("--target=", *argc, *argv);
  chosen = bh::fuzz::find_target(name);
  if (chosen == nullptr) usage("no such target (--list names them)");
  const std::string_view folder = value_of("--write-seeds=", *argc, *argv);
  if (!folder.empty()) std::exit(write_seeds(*chosen, folder) ? 0 : 4);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    chosen->run(std::as_bytes(std::span(data, size)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "finding in target %s: %s\n", std::string(chosen->name).c_str(), error.what());
    std::abort();
  }
  return 0;
}
