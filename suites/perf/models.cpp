#include "suites/perf/models.h"

#include <algorithm>
#include <cstdlib>

#include "engine/base/error.h"
#include "engine/model/synth.h"
#include "harness/io/model_locator.h"

namespace bh::suites::perf {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSynth = "synth:";
constexpr std::uint64_t kSeed = 1;

fs::path cache_root(const fs::path& named) {
  if (!named.empty()) return named / "bitharness";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    fail(ErrorKind::setup, "there is no place to keep a synthetic model: set HOME, XDG_CACHE_HOME or --cache-dir");
  }
  return fs::path(home) / ".cache" / "bitharness";
}

const engine::SynthPreset& preset_of(const std::string& name) {
  std::string known;
  for (const engine::SynthPreset& preset : engine::synth_presets()) {
    if (preset.name == name) return preset;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", preset.name);
  }
  fail(ErrorKind::usage, "'{}{}' is no preset of a synthetic model; there are {}", kSynth, name, known);
}

/// Ternary weights at two bits, the embedding at f16, and the vocabulary's texts.
std::uint64_t expected_bytes(const engine::SynthPreset& preset) {
  const auto at = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const std::uint64_t kv = at(preset.n_embd) * at(preset.n_head_kv) / at(preset.n_head);
  const std::uint64_t layer = at(preset.n_embd) * (2 * at(preset.n_embd) + 2 * kv + 3 * at(preset.n_ff));
  return at(preset.n_layer) * layer / 4 + at(preset.n_vocab) * (2 * at(preset.n_embd) + 64) + (std::uint64_t{8} << 20);
}

std::string file_stem(const fs::path& path) {
  const fs::path name = path.has_filename() ? path.filename() : path.parent_path().filename();
  std::string stem = fs::is_directory(path) ? name.string() : name.stem().string();
  std::replace_if(
      stem.begin(), stem.end(), [](char c) { return c == '/' || c == '*' || c == '?' || c <= ' '; }, '_');
  return stem.empty() ? "model" : stem;
}

}  // namespace

PerfModel find_perf_model(const std::string& named, const fs::path& cache_dir) {
  PerfModel model;
  if (named.rfind(kSynth, 0) == 0) {
    model.preset = named.substr(kSynth.size());
    const engine::SynthPreset& preset = preset_of(model.preset);
    model.name = model.preset + "-i2_s";
    model.path = cache_root(cache_dir) / fmt::format("synth-seed{}", kSeed) / (model.name + ".gguf");
    model.n_ctx = preset.n_ctx;
    return model;
  }
  model.path = harness::locate_model(named == "shipped" ? "" : named, harness::executable_path());
  model.n_ctx = engine::load_model(model.path)->config.n_ctx;
  model.name = file_stem(model.path);
  return model;
}

void make_if_missing(const PerfModel& model, const std::function<void(std::string_view)>& progress) {
  if (model.preset.empty() || fs::exists(model.path)) return;
  std::error_code error;
  fs::create_directories(model.path.parent_path(), error);
  if (error) {
    fail(ErrorKind::setup, "cannot make {}: {}; choose another place with --cache-dir",
         model.path.parent_path().string(), error.message());
  }
  const std::uint64_t bytes = expected_bytes(preset_of(model.preset));
  const fs::space_info space = fs::space(model.path.parent_path(), error);
  if (!error && space.available < bytes + bytes / 20) {
    fail(ErrorKind::setup,
         "the synthetic model {} needs {} MB in {}, which has {} MB: choose another --cache-dir, or -m", model.name,
         bytes / 1'000'000, model.path.parent_path().string(), space.available / 1'000'000);
  }
  if (progress) {
    progress(fmt::format("making the synthetic model {} ({} MB) once, in {}", model.name, bytes / 1'000'000,
                         model.path.string()));
  }
  engine::SynthOptions options;
  options.preset = model.preset;
  options.seed = kSeed;
  engine::write_synth_gguf(options, model.path);
}

}  // namespace bh::suites::perf
