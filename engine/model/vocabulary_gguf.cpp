// A vocabulary from the tokenizer.ggml.* keys of a GGUF file, with llama.cpp's defaults for missing keys.
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "engine/model/pre_tokenizer.h"
#include "engine/model/vocabulary.h"

namespace bh::engine {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";

TokenId token_id(const GgufFile& file, std::string_view key, TokenId otherwise) {
  const std::optional<std::int64_t> id = file.get_int(key);
  if (!id) return otherwise;
  // Writers that know no such token store -1, as a signed or an unsigned number.
  if (*id == -1 || *id == std::numeric_limits<std::uint32_t>::max()) return kNoToken;
  if (*id < 0 || *id > std::numeric_limits<TokenId>::max())
    fail(ErrorKind::setup, "{}: the key \"{}\" is {}, which is no token id", file.where(), key, *id);
  return static_cast<TokenId>(*id);
}

std::vector<TokenType> token_types(const GgufFile& file) {
  std::vector<TokenType> types;
  const std::optional<std::vector<std::int64_t>> numbers = file.get_ints("tokenizer.ggml.token_type");
  if (!numbers) return types;
  types.reserve(numbers->size());
  for (const std::int64_t number : *numbers) {
    if (number < 0 || number > static_cast<std::int64_t>(TokenType::byte))
      fail(ErrorKind::setup, "{}: token_type of token {} is {}, which is none of 1 to 6", file.where(), types.size(),
           number);
    types.push_back(number == 0 ? TokenType::normal : static_cast<TokenType>(number));  // 0 = "undefined"
  }
  return types;
}

void read_bpe(const GgufFile& file, std::string_view pre_override, LoadedVocabulary& loaded) {
  Vocabulary& vocabulary = loaded.vocabulary;
  const GgufValue::Strings* merges = file.get_strings("tokenizer.ggml.merges");
  if (merges == nullptr)
    fail(ErrorKind::setup, "{}: the key \"tokenizer.ggml.merges\" is missing, which a BPE vocabulary needs",
         file.where());
  vocabulary.merges = *merges;
  vocabulary.pre = pre_override.empty() ? file.get_string(kPreKey).value_or("") : std::string(pre_override);
  vocabulary.add_bos = !vocabulary.pre.empty() && find_pre_tokenizer(vocabulary.pre).add_bos;
  // llama.cpp assumes 11 for a missing bos or eos, which is a comma in GPT-2's vocabulary and would end every sentence.
  vocabulary.bos = token_id(file, "tokenizer.ggml.bos_token_id", kNoToken);
  vocabulary.eos = token_id(file, "tokenizer.ggml.eos_token_id", kNoToken);
  vocabulary.unknown = token_id(file, "tokenizer.ggml.unknown_token_id", kNoToken);
}

void read_spm(const GgufFile& file, std::string_view pre_override, LoadedVocabulary& loaded) {
  Vocabulary& vocabulary = loaded.vocabulary;
  if (!pre_override.empty())
    loaded.warnings.push_back(
        fmt::format("the pre-tokenizer \"{}\" was asked for, but an SPM vocabulary has none: not used", pre_override));
  vocabulary.pre = file.get_string(kPreKey).value_or("");
  vocabulary.add_bos = true;
  vocabulary.add_space_prefix = file.get_bool("tokenizer.ggml.add_space_prefix").value_or(true);
  vocabulary.bos = token_id(file, "tokenizer.ggml.bos_token_id", 1);
  vocabulary.eos = token_id(file, "tokenizer.ggml.eos_token_id", 2);
  vocabulary.unknown = token_id(file, "tokenizer.ggml.unknown_token_id", 0);
}

}  // namespace

LoadedVocabulary read_gguf_vocabulary(const GgufFile& file, std::string_view pre_override) {
  LoadedVocabulary loaded;
  Vocabulary& vocabulary = loaded.vocabulary;
  const std::optional<std::string> model = file.get_string(kModelKey);
  const GgufValue::Strings* tokens = file.get_strings(kTokensKey);
  if (!model || tokens == nullptr)
    fail(ErrorKind::setup, "{}: the key \"{}\" is missing, so the file holds no tokenizer; convert the model again",
         file.where(), model ? kTokensKey : kModelKey);
  vocabulary.model = *model;
  vocabulary.tokens = *tokens;
  vocabulary.scores = file.get_floats("tokenizer.ggml.scores").value_or(std::vector<float>());
  vocabulary.types = token_types(file);
  if (*model == "gpt2") {
    read_bpe(file, pre_override, loaded);
  } else if (*model == "llama") {
    read_spm(file, pre_override, loaded);
  } else {
    fail(ErrorKind::setup, "{}: the tokenizer model \"{}\" is not supported (supported: gpt2, llama)", file.where(),
         *model);
  }
  vocabulary.add_bos = file.get_bool("tokenizer.ggml.add_bos_token").value_or(vocabulary.add_bos);
  vocabulary.add_eos = file.get_bool("tokenizer.ggml.add_eos_token").value_or(false);
  vocabulary.eot = token_id(file, "tokenizer.ggml.eot_token_id", kNoToken);
  vocabulary.eom = token_id(file, "tokenizer.ggml.eom_token_id", kNoToken);
  vocabulary.padding = token_id(file, "tokenizer.ggml.padding_token_id", kNoToken);
  vocabulary.chat_template = file.get_string("tokenizer.chat_template").value_or("");
  return loaded;
}

}  // namespace bh::engine
