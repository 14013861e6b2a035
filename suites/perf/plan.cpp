#include "suites/perf/plan.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/base/error.h"

namespace bh::suites::perf {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

constexpr std::int32_t kMostCount = 1 << 20;

/// `word` is what the option takes beside numbers.
std::int32_t read_count(const std::string& text, std::string_view option, std::int32_t least,
                        std::int32_t most = kMostCount, std::string_view word = "") {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    const std::string numbers = fmt::format("a number from {} to {}", least, most);
    fail(ErrorKind::usage, "--{}: '{}' is {}; give some with commas between them", option, text,
         word.empty() ? fmt::format("not {}", numbers) : fmt::format("neither {} nor '{}'", numbers, word));
  }
  return value;
}

std::vector<std::int32_t> read_counts(const std::vector<std::string>& parts, std::string_view option,
                                      std::int32_t least) {
  std::vector<std::int32_t> values;
  for (const std::string& part : parts) values.push_back(read_count(part, option, least));
  return values;
}

/// Percentages, or "lookup".
std::vector<std::int32_t> read_guesses(const std::string& list) {
  std::vector<std::int32_t> guesses;
  for (const std::string& part : split(list)) {
    guesses.push_back(part == "lookup" ? kLookup : read_count(part, "guesses", 0, 100, "lookup"));
  }
  return guesses;
}

std::vector<std::string> texts_of(const json::object& table, std::string_view key, const std::string& where) {
  const json::value* value = find(table, key);
  if (value == nullptr || !value->is_array() || value->get_array().empty()) {
    fail(ErrorKind::setup, "{} lacks the list \"{}\"", where, key);
  }
  std::vector<std::string> texts;
  for (const json::value& item : value->get_array()) {
    texts.push_back(item.is_string() ? std::string(item.get_string()) : write_json_line(item));
  }
  return texts;
}

/// Unlike the other lists this one may be left out: most tables decode one sequence at a time.
std::vector<std::string> sequences_of(const harness::Options& options, const json::object& table,
                                      const std::string& where) {
  if (options.has("sequences")) return split(options.text("sequences"));
  return table.contains("sequences") ? texts_of(table, "sequences", where) : std::vector<std::string>();
}

std::vector<int> read_threads(const std::vector<std::string>& parts, int usable_cores) {
  std::vector<int> threads;
  for (const std::string& part : parts) {
    const int count = part == "all" ? usable_cores : read_count(part, "threads", 1, kMostCount, "all");
    if (count > usable_cores) {
      fail(ErrorKind::usage,
           "--threads {}: this machine has {} usable cores, and more threads would time the scheduler", count,
           usable_cores);
    }
    if (std::find(threads.begin(), threads.end(), count) == threads.end()) threads.push_back(count);
  }
  return threads;
}

template <class T>
std::vector<T> unique(std::vector<T> values) {
  std::vector<T> kept;
  for (const T& value : values) {
    if (std::find(kept.begin(), kept.end(), value) == kept.end()) kept.push_back(value);
  }
  return kept;
}

/// Adds cases in the order in which they run: by model, then threads, so that each is loaded once.
class Planner {
 public:
  Planner(const Table& table, std::span<const PerfModel> models, std::span<const Rival> rivals, std::string device)
      : table_(table), models_(models), rivals_(rivals), device_(std::move(device)) {}

  std::vector<Planned> all(bool baseline) {
    for (std::size_t model = 0; model < models_.size(); ++model) {
      for (const int threads : table_.threads) own_cases(model, threads);
    }
    for (std::size_t model = 0; model < models_.size(); ++model) {
      for (std::size_t rival = 0; rival < rivals_.size(); ++rival) against_cases(model, rival);
    }
    if (baseline)
      add({Kind::baseline}, "perf/baseline", "the stored baseline is there and fits this machine and model");
    return std::move(planned_);
  }

 private:
  void own_cases(std::size_t model, int threads) {
    Spec spec{Kind::load, model, threads};
    if (threads == *std::max_element(table_.threads.begin(), table_.threads.end())) {
      add(spec, id("load", spec, ""), "load time and memory");
    }
    for (const std::int32_t ubatch : table_.ubatch_sizes) {
      spec.ubatch = ubatch;
      for (const std::int32_t prompt : prompts(model, ubatch)) {
        spec.kind = Kind::prefill;
        spec.prompt = prompt;
        add(spec, id("prefill", spec, fmt::format("/p{}{}", prompt, ubatch_part(ubatch))), label(spec));
      }
    }
    spec = {Kind::decode, model, threads, table_.ubatch_sizes.back()};
    for (const std::int32_t depth : depths(model)) {
      spec.depth = depth;
      spec.decode_tokens = decode_tokens(model, depth);
      add(spec, id("decode", spec, fmt::format("/d{}", depth)), label(spec));
    }
    spec.kind = Kind::together;
    spec.depth = 0;
    spec.decode_tokens = decode_tokens(model, 0);
    for (const std::int32_t sequences : table_.sequences) {
      spec.sequences = std::min(sequences, spec.ubatch);
      if (spec.sequences < 2) continue;
      add(spec, id("together", spec, fmt::format("/s{}", spec.sequences)), label(spec));
    }
    spec.kind = Kind::speculated;
    spec.sequences = 1;
    for (const std::int32_t guesses : table_.guesses) {
      if (spec.ubatch < 2) break;  // no room for a guess
      spec.guesses = guesses;
      const std::string rest = spec.guesses == kLookup ? "/lookup" : fmt::format("/g{}", spec.guesses);
      add(spec, id("speculated", spec, rest), label(spec));
    }
  }

  void against_cases(std::size_t model, std::size_t rival) {
    const int threads = *std::max_element(table_.threads.begin(), table_.threads.end());
    const std::string prefix = "against/" + rivals_[rival].name;
    Spec spec{Kind::against_prefill, model, threads, table_.ubatch_sizes.back()};
    spec.rival = rival;
    spec.prompt = std::min(table_.prompt_lengths.front(), models_[model].n_ctx);
    add(spec, id(prefix + "/prefill", spec, fmt::format("/p{}", spec.prompt)),
        fmt::format("{} beside {}", label(spec), rivals_[rival].name));
    spec.kind = Kind::against_decode;
    spec.prompt = 0;
    spec.depth = depths(model).front();
    spec.decode_tokens = decode_tokens(model, spec.depth);
    add(spec, id(prefix + "/decode", spec, fmt::format("/d{}", spec.depth)),
        fmt::format("{} beside {}", label(spec), rivals_[rival].name));
  }

  std::string id(const std::string& kind, const Spec& spec, const std::string& rest) const {
    return fmt::format("perf/{}/{}/{}/t{}{}", kind, models_[spec.model].name, device_, spec.threads, rest);
  }

  std::string ubatch_part(std::int32_t ubatch) const {
    return table_.ubatch_sizes.size() == 1 ? "" : fmt::format("/ub{}", ubatch);
  }

  /// A prompt that fits one step is the same whatever the size of larger steps.
  std::vector<std::int32_t> prompts(std::size_t model, std::int32_t ubatch) const {
    std::vector<std::int32_t> lengths;
    for (const std::int32_t length : table_.prompt_lengths) {
      const std::int32_t fits = std::min(length, models_[model].n_ctx);
      const bool smaller_step_does = std::any_of(table_.ubatch_sizes.begin(), table_.ubatch_sizes.end(),
                                                 [&](std::int32_t other) { return other < ubatch && other >= fits; });
      if (!smaller_step_does) lengths.push_back(fits);
    }
    return unique(lengths);
  }

  std::vector<std::int32_t> depths(std::size_t model) const {
    std::vector<std::int32_t> fitting;
    for (const std::int32_t depth : table_.depths) {
      fitting.push_back(std::clamp(models_[model].n_ctx - table_.decode_tokens - 1, 0, depth));
    }
    return unique(fitting);
  }

  std::int32_t decode_tokens(std::size_t model, std::int32_t depth) const {
    return std::max(1, std::min(table_.decode_tokens, models_[model].n_ctx - std::max(depth, 1) - 1));
  }

  void add(Spec spec, const std::string& id, const std::string& title) {
    Planned planned;
    planned.item.id = id;
    planned.item.title = title;
    planned.item.params = {{"kind", to_string(spec.kind)}};
    if (spec.kind != Kind::baseline) {
      planned.item.params["model"] = models_[spec.model].name;
      planned.item.params["threads"] = spec.threads;
      if (spec.kind != Kind::load) {
        planned.item.params["label"] = label(spec);
        planned.item.params["n_ubatch"] = spec.ubatch;
        planned.item.params["n_prompt"] = spec.prompt;
        planned.item.params["n_gen"] = spec.decode_tokens;
        planned.item.params["n_depth"] = spec.depth;
        planned.item.params["n_sequences"] = spec.sequences;
        if (spec.kind == Kind::speculated && spec.guesses != kLookup) {
          planned.item.params["guesses_that_hold"] = spec.guesses / 100.0;
        }
      }
      if (spec.kind == Kind::against_prefill || spec.kind == Kind::against_decode) {
        planned.item.params["rival"] = rivals_[spec.rival].name;
        planned.item.params["address"] = rivals_[spec.rival].address;
      }
    }
    planned.spec = spec;
    if (ids_.insert(id).second) planned_.push_back(std::move(planned));
  }

  const Table& table_;
  std::span<const PerfModel> models_;
  std::span<const Rival> rivals_;
  std::string device_;
  std::vector<Planned> planned_;
  std::set<std::string> ids_;
};

}  // namespace

void refuse_outside(std::string_view name, double value, double least, double most, const std::string& where) {
  if (value >= least && value <= most) return;
  fail(ErrorKind::setup, "{}: {} is {:g}; it has to lie from {:g} to {:g}", where, name, value, least, most);
}

Table read_table(const harness::Options& options, const harness::Criteria& criteria, int usable_cores) {
  const std::string name = options.text("table");
  const std::string where = fmt::format("{}, table {}", criteria.source(), name);
  for (const json::value& item : criteria.list("tables")) {
    if (!item.is_object() || get_string(item.get_object(), "name", where) != name) continue;
    const json::object& object = item.get_object();
    const auto list = [&](std::string_view option, std::string_view key) {
      return options.has(option) ? split(options.text(option)) : texts_of(object, key, where);
    };
    Table table;
    table.name = name;
    table.models = options.has("model") ? options.texts("model") : texts_of(object, "models", where);
    table.threads = read_threads(list("threads", "threads"), usable_cores);
    table.prompt_lengths = read_counts(list("prompt-lengths", "prompt_lengths"), "prompt-lengths", 1);
    table.depths = read_counts(list("depths", "depths"), "depths", 0);
    table.ubatch_sizes = read_counts(list("ubatch-sizes", "ubatch_sizes"), "ubatch-sizes", 1);
    table.sequences = read_counts(sequences_of(options, object, where), "sequences", 2);
    if (options.has("guesses")) table.guesses = read_guesses(options.text("guesses"));
    std::sort(table.ubatch_sizes.begin(), table.ubatch_sizes.end());
    const std::int64_t decode_tokens = options.integer_or("decode-tokens", get_int(object, "decode_tokens", where));
    refuse_outside("decode_tokens", static_cast<double>(decode_tokens), 4, 1 << 16, where);
    table.decode_tokens = static_cast<std::int32_t>(decode_tokens);
    table.rounds = options.integer_or("rounds", get_int(object, "rounds", where));
    table.loads = get_int(object, "loads", where);
    refuse_outside("rounds", static_cast<double>(table.rounds), 5, 10000, where);
    refuse_outside("loads", static_cast<double>(table.loads), 1, 1000, where);
    return table;
  }
  fail(ErrorKind::setup, "{} has no table named {}", criteria.source(), name);
}

std::vector<Rival> read_rivals(const std::vector<std::string>& addresses) {
  constexpr std::string_view kBitnet = "bitnet.cpp:";
  std::vector<Rival> rivals;
  for (const std::string& address : addresses) {
    Rival rival;
    if (address.rfind("http://", 0) == 0 || address.rfind("https://", 0) == 0) {
      rival = {"http", "http", address};
    } else if (address.rfind(kBitnet, 0) == 0) {
      rival = {"bitnet_cpp", "bitnet_cpp", address.substr(kBitnet.size())};
    } else if (address == "bitnet.cpp") {
      fail(ErrorKind::usage, "--against bitnet.cpp: say where it was built: --against bitnet.cpp:DIR");
    } else {
      rival = {"previous_build", "previous_build", address};
    }
    if (rival.address.empty()) fail(ErrorKind::usage, "--against '{}' names nothing", address);
    const auto same =
        std::count_if(rivals.begin(), rivals.end(), [&](const Rival& other) { return other.subject == rival.subject; });
    if (same > 0) rival.name += fmt::format("-{}", same + 1);
    rivals.push_back(std::move(rival));
  }
  return rivals;
}

std::vector<Planned> plan(const Table& table, std::span<const PerfModel> models, std::span<const Rival> rivals,
                          const std::string& device, bool baseline) {
  return Planner(table, models, rivals, device).all(baseline);
}

std::string label(const Spec& spec) {
  switch (spec.kind) {
    case Kind::prefill:
    case Kind::against_prefill:
      return fmt::format("pp{}", spec.prompt);
    case Kind::decode:
    case Kind::against_decode:
      return spec.depth == 0 ? fmt::format("tg{}", spec.decode_tokens)
                             : fmt::format("tg{} @ d{}", spec.decode_tokens, spec.depth);
    case Kind::together:
      return fmt::format("tg{} x {}", spec.decode_tokens, spec.sequences);
    case Kind::speculated:
      return spec.guesses == kLookup ? fmt::format("tg{}, prompt lookup", spec.decode_tokens)
                                     : fmt::format("tg{}, {} % of guesses hold", spec.decode_tokens, spec.guesses);
    case Kind::load:
    case Kind::baseline:
      break;
  }
  return std::string(to_string(spec.kind));
}

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::load:
      return "load";
    case Kind::prefill:
      return "prefill";
    case Kind::decode:
      return "decode";
    case Kind::together:
      return "together";
    case Kind::speculated:
      return "speculated";
    case Kind::against_prefill:
      return "against_prefill";
    case Kind::against_decode:
      return "against_decode";
    case Kind::baseline:
      return "baseline";
  }
  return "unknown";
}

}  // namespace bh::suites::perf
