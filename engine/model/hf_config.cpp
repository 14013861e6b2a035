#include "engine/model/hf_config.h"

#include <limits>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/hf_files.h"

namespace bh::engine {
namespace {

class Reader {
 public:
  Reader(const json::object& object, std::string where) : object_(object), where_(std::move(where)) {}

  HfConfig read() {
    HfConfig result;
    Config& config = result.config;
    const bool llama = read_family() == "llama";
    read_quantization(result);
    if (llama && !result.quantized)
      fail(ErrorKind::setup,
           "{}: a {} model without a quantization_config of quant_method \"bitnet\" is no BitNet model; it "
           "cannot be run as one",
           where_, architecture_);
    config.n_vocab = need("vocab_size");
    config.n_embd = need("hidden_size");
    config.n_layer = need("num_hidden_layers");
    config.n_head = need("num_attention_heads");
    config.n_head_kv = get("num_key_value_heads").value_or(config.n_head);
    config.n_ff = need("intermediate_size");
    config.n_ctx = need("max_position_embeddings");
    config.rms_eps = static_cast<float>(get_number(object_, "rms_norm_eps", where_));
    read_head_dim(config);
    read_rope(config);
    read_activation(config);
    config.rope_style = RopeStyle::half_split;  // transformers rotates halves in every model; files are not permuted
    config.sub_norms = !llama;
    config.architecture = llama ? "llama" : config.activation == Activation::silu ? "bitnet" : "bitnet-b1.58";
    if (flag("attention_bias") || flag("mlp_bias")) fail(ErrorKind::setup, "{}: biases are not supported", where_);
    if (present("tie_word_embeddings")) result.tied = get_bool(object_, "tie_word_embeddings", where_);
    validate(config, where_);
    return result;
  }

 private:
  bool present(std::string_view key) const {
    const json::value* value = find(object_, key);
    return value != nullptr && !value->is_null();
  }
  bool flag(std::string_view key) const { return present(key) && get_bool(object_, key, where_); }
  std::int32_t need(std::string_view key) const {
    const std::int64_t value = get_int(object_, key, where_);
    if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
      fail(ErrorKind::setup, "{}: \"{}\" is {}, which is out of range", where_, key, value);
    return static_cast<std::int32_t>(value);
  }
  std::optional<std::int32_t> get(std::string_view key) const {
    return present(key) ? std::optional(need(key)) : std::nullopt;
  }
  const json::object* sub_object(std::string_view key) const {
    if (!present(key)) return nullptr;
    const json::value* value = find(object_, key);
    if (!value->is_object()) fail(ErrorKind::setup, "{}: \"{}\" is not an object", where_, key);
    return &value->get_object();
  }

  /// "bitnet" or "llama".
  std::string read_family() {
    const json::value* names = find(object_, "architectures");
    if (names != nullptr && names->is_array() && !names->get_array().empty() && names->get_array()[0].is_string())
      architecture_ = names->get_array()[0].get_string().c_str();
    if (architecture_ == "BitNetForCausalLM" || architecture_ == "BitnetForCausalLM") return "bitnet";
    if (architecture_ == "LlamaForCausalLM") return "llama";
    fail(ErrorKind::setup,
         "{}: the architecture \"{}\" is not supported; supported are BitNetForCausalLM, BitnetForCausalLM "
         "and LlamaForCausalLM",
         where_, architecture_);
  }

  void read_quantization(HfConfig& result) const {
    const json::object* quantization = sub_object("quantization_config");
    if (quantization == nullptr) return;
    const auto text = [&](std::string_view key) {
      const json::value* value = find(*quantization, key);
      return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    if (text("quant_method") != "bitnet")
      fail(ErrorKind::setup, "{}: the quantization method \"{}\" is not supported; bitnet is", where_,
           text("quant_method"));
    result.quantized = true;
    result.scale_multiplies = text("linear_class") == "autobitlinear";
    result.online = text("quantization_mode") == "online";
  }

  void read_head_dim(Config& config) const {
    const auto stated = get("head_dim");
    if (!stated && (config.n_head == 0 || config.n_embd % config.n_head != 0))
      fail(ErrorKind::setup, "{}: the hidden_size {} is not a multiple of the {} heads", where_, config.n_embd,
           config.n_head);
    config.head_dim = stated.value_or(config.n_head == 0 ? 0 : config.n_embd / config.n_head);
  }

  void read_rope(Config& config) const {
    // Newer versions of transformers hold all of it in rope_parameters.
    const json::object* scaling = sub_object("rope_parameters");
    if (present("rope_theta")) {
      config.rope_base = static_cast<float>(get_number(object_, "rope_theta", where_));
    } else if (scaling != nullptr && find(*scaling, "rope_theta") != nullptr) {
      config.rope_base = static_cast<float>(get_number(*scaling, "rope_theta", where_));
    }
    if (scaling == nullptr) scaling = sub_object("rope_scaling");
    if (scaling == nullptr) return;
    const char* type_key = find(*scaling, "rope_type") != nullptr ? "rope_type" : "type";
    const std::string type = get_string(*scaling, type_key, where_);
    if (type == "linear") {
      config.rope_factor = static_cast<float>(get_number(*scaling, "factor", where_));
    } else if (type != "default") {
      fail(ErrorKind::setup, "{}: RoPE scaling of type \"{}\" is not supported; default and linear are", where_, type);
    }
  }

  void read_activation(Config& config) const {
    const std::string name = get_string(object_, "hidden_act", where_);
    if (name != "relu2" && name != "silu")
      fail(ErrorKind::setup, "{}: the activation \"{}\" is not supported; relu2 and silu are", where_, name);
    config.activation = name == "relu2" ? Activation::squared_relu : Activation::silu;
  }

  const json::object& object_;
  std::string where_;
  std::string architecture_;
};

/// The number as a person would write it: 1e-05, not 9.99999974738e-06.
double shortest(float value) { return std::stod(fmt::format("{}", value)); }

json::value id_or_null(TokenId id) { return id == kNoToken ? json::value(nullptr) : json::value(id); }

/// 1bitLLM's models, with SiLU, have a spelling of their own.
const char* class_name(const Config& config) {
  if (!config.sub_norms) return "LlamaForCausalLM";
  return config.activation == Activation::silu ? "BitnetForCausalLM" : "BitNetForCausalLM";
}

}  // namespace

HfConfig read_hf_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail(ErrorKind::setup, "{} holds no config.json; give a GGUF file or a Hugging Face folder", folder.string());
  const json::value document = read_json_file(path.string(), kMaxHfConfigBytes);
  if (!document.is_object()) fail(ErrorKind::setup, "{}: not a JSON object", path.string());
  HfConfig result = Reader(document.get_object(), path.string()).read();
  result.config.name = std::filesystem::absolute(folder).lexically_normal().filename().string();
  if (result.config.name.empty()) result.config.name = folder.parent_path().filename().string();
  return result;
}

json::object to_hf_config(const Config& config, const Vocabulary& vocabulary, bool tied, HfWeights weights,
                          LinearClass linear_class) {
  json::object result = {{"architectures", json::array{class_name(config)}},
                         {"model_type", config.sub_norms ? "bitnet" : "llama"},
                         {"hidden_act", config.activation == Activation::silu ? "silu" : "relu2"},
                         {"hidden_size", config.n_embd},
                         {"intermediate_size", config.n_ff},
                         {"num_hidden_layers", config.n_layer},
                         {"num_attention_heads", config.n_head},
                         {"num_key_value_heads", config.n_head_kv},
                         {"max_position_embeddings", config.n_ctx},
                         {"rms_norm_eps", shortest(config.rms_eps)},
                         {"rope_theta", shortest(config.rope_base)},
                         {"vocab_size", config.n_vocab},
                         {"bos_token_id", id_or_null(vocabulary.bos)},
                         {"eos_token_id", id_or_null(vocabulary.eos)},
                         {"pad_token_id", id_or_null(vocabulary.padding)},
                         {"tie_word_embeddings", tied},
                         {"torch_dtype", "bfloat16"},
                         {"use_cache", true}};
  if (config.q_dim() != config.n_embd) result["head_dim"] = config.head_dim;
  if (config.rope_factor != 1.0f) {
    result["rope_scaling"] = json::object{{"rope_type", "linear"}, {"factor", shortest(config.rope_factor)}};
  }
  result["quantization_config"] =
      json::object{{"quant_method", "bitnet"},
                   {"linear_class", linear_class == LinearClass::autobitlinear ? "autobitlinear" : "bitlinear"},
                   {"quantization_mode", weights == HfWeights::packed ? "offline" : "online"}};
  return result;
}

}  // namespace bh::engine
