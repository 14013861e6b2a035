// The engine's reference modes against outputs recorded from bitnet.cpp: logits of every prompt position and of a
// greedy continuation, in the mode they were recorded in. The tolerances are those of shallow models (ARCHITECTURE.md).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "engine/backend.h"
#include "engine/base/json.h"
#include "engine/base/mapped_file.h"
#include "engine/runtime/sampler.h"
#include "engine/runtime/session.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh::engine;

namespace {

struct Recording {
  std::string prompt;
  std::vector<TokenId> prompt_ids, greedy_ids;
  std::size_t n_vocab = 0;
  std::vector<float> logits;  ///< [prompt + greedy, n_vocab]

  std::span<const float> row(std::size_t i) const { return {logits.data() + i * n_vocab, n_vocab}; }
  std::size_t rows() const { return logits.size() / n_vocab; }
};

Recording read_recording(const std::string& stem) {
  const bh::json::object object = bh::read_json_file(stem + ".json").as_object();
  Recording recording;
  recording.prompt = bh::get_string(object, "prompt", stem);
  recording.n_vocab = static_cast<std::size_t>(bh::get_int(object, "n_vocab", stem));
  for (const auto& id : object.at("prompt_ids").as_array()) {
    recording.prompt_ids.push_back(static_cast<TokenId>(id.as_int64()));
  }
  for (const auto& id : object.at("greedy_ids").as_array()) {
    recording.greedy_ids.push_back(static_cast<TokenId>(id.as_int64()));
  }
  const bh::MappedFile file = bh::MappedFile::open(stem + ".f32");
  recording.logits.resize(file.bytes().size() / sizeof(float));
  std::memcpy(recording.logits.data(), file.bytes().data(), recording.logits.size() * sizeof(float));
  REQUIRE(recording.rows() == recording.prompt_ids.size() + recording.greedy_ids.size());
  return recording;
}

/// The same evaluation by our engine: the prompt as recorded, then the greedy ids fed back one at a time.
std::vector<float> evaluate(Backend& backend, const Recording& recording, Numerics numerics) {
  Session session(backend, 0, numerics);
  std::vector<float> all = session.eval_all(recording.prompt_ids, numerics == Numerics::reference_single ? 1 : 0);
  for (const TokenId id : recording.greedy_ids) {
    const auto row = session.eval_all({&id, 1});
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

struct Distance {
  double cosine = 0.0;
  double relative_max = 0.0;  ///< max |difference| over the standard deviation of the reference's logits
  bool same_argmax = false;
  double gap = 0.0;  ///< between the reference's two largest logits, over the standard deviation
};

Distance distance(std::span<const float> ours, std::span<const float> reference) {
  double dot = 0, a = 0, b = 0, sum = 0, largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double x = static_cast<double>(ours[i]), y = static_cast<double>(reference[i]);
    dot += x * y;
    a += x * x;
    b += y * y;
    sum += y;
    largest = std::max(largest, std::abs(x - y));
  }
  const double n = static_cast<double>(ours.size()), deviation = std::sqrt(b / n - (sum / n) * (sum / n));
  std::vector<float> sorted(reference.begin(), reference.end());
  std::partial_sort(sorted.begin(), sorted.begin() + 2, sorted.end(), std::greater<>());
  return {dot / std::sqrt(a * b), largest / deviation, argmax(ours) == argmax(reference),
          static_cast<double>(sorted[0] - sorted[1]) / deviation};
}

std::vector<Distance> distances(const std::vector<float>& ours, const Recording& recording) {
  REQUIRE(ours.size() == recording.logits.size());
  std::vector<Distance> list;
  for (std::size_t i = 0; i < recording.rows(); ++i) {
    list.push_back(distance({ours.data() + i * recording.n_vocab, recording.n_vocab}, recording.row(i)));
  }
  return list;
}

double median_distance(std::vector<Distance> list) {
  std::sort(list.begin(), list.end(),
            [](const Distance& x, const Distance& y) { return x.relative_max < y.relative_max; });
  return list[list.size() / 2].relative_max;
}

double largest_distance(const std::vector<Distance>& list) {
  double largest = 0;
  for (const Distance& one : list) largest = std::max(largest, one.relative_max);
  return largest;
}

constexpr Numerics kModes[] = {Numerics::reference_batch, Numerics::reference_single};
std::string mode_name(Numerics mode) { return mode == Numerics::reference_batch ? "batch" : "single"; }

}  // namespace

TEST_CASE("reference modes reproduce bitnet.cpp on the shipped model") {
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  const auto backend = find_device("cpu").load(model, {});
  std::size_t rows = 0, close = 0;
  for (const Numerics mode : kModes) {
    for (const int prompt : {0, 1, 2}) {
      const Recording recording = read_recording(
          (bh::test::shipped_model() / "reference" / fmt::format("kjv-3m-i2_s.p{}.{}", prompt, mode_name(mode)))
              .string());
      REQUIRE(model->tokenizer.encode(recording.prompt) == recording.prompt_ids);
      const std::vector<float> ours = evaluate(*backend, recording, mode);
      const std::vector<Distance> list = distances(ours, recording);
      for (std::size_t i = 0; i < list.size(); ++i) {
        INFO("prompt " << prompt << ", " << mode_name(mode) << ", position " << i);
        REQUIRE(list[i].cosine >= 0.9999);
        if (list[i].gap > 0.05) REQUIRE(list[i].same_argmax);
        close += list[i].relative_max < 1e-3 ? 1 : 0;
      }
      rows += list.size();
      for (std::size_t i = 0; i < recording.greedy_ids.size(); ++i) {
        const std::size_t before = recording.prompt_ids.size() - 1 + i;
        REQUIRE(argmax({ours.data() + before * recording.n_vocab, recording.n_vocab}) == recording.greedy_ids[i]);
      }
    }
  }
  CAPTURE(close, rows);
  REQUIRE(10 * close >= 9 * rows);
}

TEST_CASE("made models are no farther from bitnet.cpp than its two modes are from each other", "[shared]") {
  for (const std::string name : {"h128-bitnet-b1.58", "h128-bitnet", "h128-llama"}) {
    const auto path = bh::test::shared_file("reference/" + name + ".gguf");
    if (!path) return;
    const auto backend = find_device("cpu").load(load_model(*path), {});
    for (const int prompt : {0, 1, 2}) {
      const std::string stem = (path->parent_path() / fmt::format("{}.p{}.", name, prompt)).string();
      const Recording batch = read_recording(stem + "batch"), single = read_recording(stem + "single");
      // The greedy tails may part; the prompt positions are comparable.
      const std::size_t shared_rows = batch.prompt_ids.size() * batch.n_vocab;
      std::vector<float> batch_prompt(batch.logits.begin(),
                                      batch.logits.begin() + static_cast<std::ptrdiff_t>(shared_rows));
      Recording single_prompt = single;
      single_prompt.logits.resize(shared_rows);
      const auto own_spread = distances(batch_prompt, single_prompt);
      for (const Numerics mode : kModes) {
        const Recording& recording = mode == Numerics::reference_batch ? batch : single;
        const auto list = distances(evaluate(*backend, recording, mode), recording);
        INFO(name << ", prompt " << prompt << ", " << mode_name(mode) << ": median " << median_distance(list)
                  << ", largest " << largest_distance(list) << "; the reference against itself "
                  << median_distance(own_spread) << ", " << largest_distance(own_spread));
        REQUIRE(median_distance(list) <= median_distance(own_spread));
        REQUIRE(largest_distance(list) <= largest_distance(own_spread));
      }
    }
  }
}
