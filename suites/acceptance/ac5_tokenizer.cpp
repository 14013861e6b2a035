// AC5: the tokenizer of the file: its vocabulary, the way there and back, and ids that others computed.
#include <algorithm>
#include <functional>
#include <set>

#include "engine/base/error.h"
#include "generated/bh_acceptance.h"
#include "harness/core/text.h"
#include "harness/io/sha256.h"
#include "suites/acceptance/cases.h"

namespace bh::suites::acceptance {

using engine::TokenId;
using engine::Tokenizer;
using engine::Vocabulary;
using harness::Result;

namespace {

constexpr engine::EncodeOptions kPlain{.add_special = false, .parse_special = true};

struct HardString {
  std::string name, text;
  std::vector<TokenId> ids;
};

struct Battery {
  std::string recorded_with, vocabulary_sha256, pre;
  std::vector<HardString> strings;
};

Battery read_battery() {
  const std::string what = "tokenizer_battery.json";
  const json::value document = parse_json(embedded::acceptance::tokenizer_battery_json(), what);
  const json::object& object = document.as_object();
  Battery battery{get_string(object, "recorded_with", what),
                  get_string(object, "vocabulary_sha256", what),
                  get_string(object, "pre", what),
                  {}};
  for (const json::value& item : object.at("cases").as_array()) {
    const json::object& entry = item.as_object();
    HardString string{get_string(entry, "name", what), get_string(entry, "text", what), {}};
    for (const json::value& id : entry.at("ids").as_array()) string.ids.push_back(id.to_number<TokenId>());
    battery.strings.push_back(std::move(string));
  }
  return battery;
}

/// Tokens by id, then merges, each followed by a newline: what record_tokenizer_battery.py hashes.
std::string hash_vocabulary(const Vocabulary& vocabulary) {
  std::string lines;
  for (const std::string& token : vocabulary.tokens) lines += token + "\n";
  for (const std::string& merge : vocabulary.merges) lines += merge + "\n";
  return harness::sha256_hex(lines);
}

json::array to_json(std::span<const TokenId> ids) {
  json::array array;
  for (const TokenId id : ids) array.emplace_back(id);
  return array;
}

double share(std::size_t part, std::size_t all) { return static_cast<double>(part) / static_cast<double>(all); }

/// Texts no tokenizer may lose a byte of: the battery's, all 256 bytes, broken UTF-8.
std::vector<std::string> round_trip_texts(const Battery& battery) {
  std::vector<std::string> texts;
  for (const HardString& string : battery.strings) texts.push_back(string.text);
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  texts.push_back(bytes);
  texts.emplace_back("\xff\xfe lone \x80 and cut \xe6\x97");
  texts.emplace_back("overlong \xc0\xaf surrogate \xed\xa0\x80 beyond \xf4\x90\x80\x80");
  return texts;
}

/// SPM vocabularies put one space in front and take it off again; control tokens print empty unless asked for, which a
/// subject elsewhere cannot be: there they are taken for plain text.
std::function<std::string(const std::string& text)> round_trip_of(Workbench& bench) {
  if (bench.elsewhere()) {
    return [&subject = bench.tested()](const std::string& text) {
      return subject.detokenize(subject.tokenize(text, {.add_special = false, .parse_special = false}));
    };
  }
  return [model = bench.model()](const std::string& text) {
    return model->tokenizer.decode(model->tokenizer.encode(text, kPlain), true);
  };
}

}  // namespace

Result check_vocabulary(Workbench& bench) {
  const auto model = bench.model();
  const Vocabulary& vocabulary = model->tokenizer.vocabulary();
  Result result;
  add(result, "tokens", static_cast<double>(vocabulary.tokens.size()));
  add(result, "size_matches_embedding", model->tokenizer.size() == model->config.n_vocab ? 1 : 0);
  const std::set<std::string> different(vocabulary.tokens.begin(), vocabulary.tokens.end());
  add(result, "different_share", share(different.size(), vocabulary.tokens.size()));
  const bool bos_fits = !vocabulary.add_bos || (vocabulary.bos >= 0 && vocabulary.bos < model->tokenizer.size());
  add(result, "bos_is_usable", bos_fits ? 1 : 0);
  add(result, "ends_generation", vocabulary.eos != engine::kNoToken && model->tokenizer.is_eog(vocabulary.eos) ? 1 : 0);
  result.details["model"] = vocabulary.model;
  result.details["pre"] = vocabulary.pre;
  result.details["sha256"] = hash_vocabulary(vocabulary);
  json::array warnings;
  for (const std::string& warning : model->tokenizer.warnings()) warnings.emplace_back(warning);
  result.details["warnings"] = std::move(warnings);
  return result;
}

Result check_round_trip(Workbench& bench) {
  if (const std::string why = bench.why_not({harness::Ability::tokenize}); !why.empty()) return skipped(why);
  const auto there_and_back = round_trip_of(bench);
  std::vector<std::string> texts = round_trip_texts(read_battery());
  if (const auto heldout = bench.heldout_text()) texts.push_back(*heldout.value);
  // What goes through JSON is UTF-8.
  if (bench.subject_row().name == "http") {
    texts.erase(std::remove_if(texts.begin(), texts.end(),
                               [](const std::string& text) { return harness::to_valid_utf8(text) != text; }),
                texts.end());
  }
  Result result;
  std::size_t equal = 0;
  json::array broken;
  for (const std::string& text : texts) {
    const std::string again = there_and_back(text);
    equal += again == text ? 1 : 0;
    if (again != text && broken.size() < 8) broken.emplace_back(text.substr(0, 80));
  }
  add(result, "texts", static_cast<double>(texts.size()));
  add(result, "equal_share", share(equal, texts.size()));
  const std::string spaces(std::size_t{1} << 20, ' ');
  const std::int64_t start = bench.clock().steady_ns();
  const bool megabyte = there_and_back(spaces) == spaces;
  add(result, "megabyte_of_spaces_equal", megabyte ? 1 : 0);
  add(result, "megabyte_of_spaces_seconds", static_cast<double>(bench.clock().steady_ns() - start) * 1e-9, "s");
  result.details["broken"] = std::move(broken);
  return result;
}

Result check_hard_strings(Workbench& bench) {
  const Battery battery = read_battery();
  Vocabulary vocabulary = bench.model()->tokenizer.vocabulary();
  const std::string sha256 = hash_vocabulary(vocabulary);
  if (sha256 != battery.vocabulary_sha256) {
    return skipped(fmt::format("no ids are recorded for a vocabulary with SHA-256 {}", sha256));
  }
  vocabulary.pre = battery.pre;  // the recorded ids are those of this pre-tokenizer, whatever the file names
  const Tokenizer tokenizer(std::move(vocabulary));
  Result result;
  std::size_t equal = 0;
  json::array wrong;
  for (const HardString& string : battery.strings) {
    const auto ids = tokenizer.encode(string.text, kPlain);
    equal += ids == string.ids ? 1 : 0;
    if (ids != string.ids) {
      wrong.push_back(json::object{
          {"name", string.name}, {"text", string.text}, {"ids", to_json(ids)}, {"recorded", to_json(string.ids)}});
    }
  }
  add(result, "strings", static_cast<double>(battery.strings.size()));
  add(result, "equal_share", share(equal, battery.strings.size()));
  result.details["recorded_with"] = battery.recorded_with;
  result.details["wrong"] = std::move(wrong);
  return result;
}

Result check_reference_prompts(Workbench& bench) {
  const auto recorded = bench.recorded();
  if (!recorded) return skipped(recorded.why_not);
  Result result;
  if (const std::string why = bench.why_not({harness::Ability::tokenize}); !why.empty()) return skipped(why);
  std::size_t equal = 0;
  json::array wrong;
  for (const harness::RecordedRun& run : recorded.value->runs) {
    const auto ids =
        bench.elsewhere() ? bench.tested().tokenize(run.prompt, {}) : bench.model()->tokenizer.encode(run.prompt);
    equal += ids == run.prompt_ids ? 1 : 0;
    if (ids != run.prompt_ids) {
      wrong.push_back(json::object{{"run", run.name}, {"ids", to_json(ids)}, {"recorded", to_json(run.prompt_ids)}});
    }
  }
  add(result, "equal_share", share(equal, recorded.value->runs.size()));
  result.details["reference"] = recorded.value->reference_name();
  result.details["wrong"] = std::move(wrong);
  return result;
}

}  // namespace bh::suites::acceptance
