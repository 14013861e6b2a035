// Conversions there and back: every code, scale, norm and token survives, every tensor stands in the report, and what
// cannot be converted leaves nothing behind.
#include "harness/cli/conversion.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "engine/base/error.h"
#include "engine/model/hf_tensors.h"
#include "engine/model/synth.h"
#include "harness/judge/compare_models.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_folder.h"
#include "tests/support/twin_models.h"

using namespace bh;
using namespace bh::harness;
namespace fs = std::filesystem;

namespace {

ConversionRequest to_gguf(const fs::path& from, const fs::path& to) {
  ConversionRequest request;
  request.source = from;
  request.target = to;
  return request;
}

ConversionRequest to_hf(const fs::path& from, const fs::path& to,
                        engine::HfWeights weights = engine::HfWeights::packed) {
  ConversionRequest request = to_gguf(from, to);
  request.to_gguf = false;
  request.layout.weights = weights;
  return request;
}

void check_equal(const fs::path& left_path, const fs::path& right_path) {
  CAPTURE(left_path, right_path);
  const auto left = engine::load_model(left_path), right = engine::load_model(right_path);
  for (const auto& field : compare_configs(*left, *right)) CHECK((field.equal || !field.required));
  for (const auto& field : compare_vocabularies(left->tokenizer, right->tokenizer)) {
    CAPTURE(field.key, field.left, field.right);
    CHECK((field.equal || !field.required));
  }
  const auto a = left->matrices(), b = right->matrices();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(a[i]->name);
    const MatrixOf x{left->config, *a[i]}, y{right->config, *b[i]};
    CHECK((a[i]->format->ternary ? compare_codes(x, y) : compare_floats(x, y)).identical);
  }
  const auto scales = stored_scales(*left), others = stored_scales(*right);
  REQUIRE_FALSE(scales.empty());
  for (const auto& [name, scale] : scales) CHECK(others.at(name).value == scale.value);
  const auto norms = left->norms(), other_norms = right->norms();
  REQUIRE(norms.size() == other_norms.size());
  for (std::size_t i = 0; i < norms.size(); ++i) CHECK(*norms[i].values == *other_norms[i].values);
}

std::string refusal(const ConversionRequest& request, ErrorKind kind) {
  try {
    convert(request);
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  return "";
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

engine::SynthOptions small(const std::string& architecture) {
  engine::SynthOptions options;
  options.architecture = architecture;
  options.n_layer = 1;
  options.seed = 8;
  return options;
}

}  // namespace

TEST_CASE("every architecture goes from GGUF to a folder and back unchanged") {
  for (const std::string architecture : {"bitnet-b1.58", "bitnet", "llama"}) {
    const test::TempFolder home;
    engine::write_synth_gguf(small(architecture), home / "a.gguf");
    engine::write_synth_hf(small(architecture), engine::HfWeights::packed, home / "made");
    convert(to_hf(home / "a.gguf", home / "folder"));
    check_equal(home / "a.gguf", home / "folder");
    // The rows of q and k are those of a folder made without a detour.
    CHECK(test::read_bytes(home / "folder" / "model.safetensors") ==
          test::read_bytes(home / "made" / "model.safetensors"));
    convert(to_gguf(home / "folder", home / "b.gguf"));
    check_equal(home / "a.gguf", home / "b.gguf");
  }
}

TEST_CASE("a master made of codes is read as these codes and scales") {
  const test::TempFolder home;
  engine::write_synth_gguf(small("bitnet-b1.58"), home / "a.gguf");
  convert(to_hf(home / "a.gguf", home / "master", engine::HfWeights::bf16));
  CHECK(engine::load_model(home / "master")->source.format == "SafeTensors (master)");
  check_equal(home / "a.gguf", home / "master");
}

TEST_CASE("reciprocal scales keep the codes, and the report says that scales were rounded") {
  const test::TempFolder home;
  engine::write_synth_gguf(small("bitnet-b1.58"), home / "a.gguf");
  ConversionRequest request = to_hf(home / "a.gguf", home / "folder");
  request.layout.linear_class = engine::LinearClass::bitlinear;
  const json::object report = convert(request);
  CHECK(report.at("summary").at("rounded").as_int64() > 0);
  const auto left = engine::load_model(home / "a.gguf"), right = engine::load_model(home / "folder");
  const auto scales = stored_scales(*left), others = stored_scales(*right);
  for (const auto& [name, scale] : scales) {
    CHECK(others.at(name).reciprocal);
    CHECK(same_scale(scale, others.at(name)));
  }
  CHECK(compare_codes({left->config, left->layers[0].q}, {right->config, right->layers[0].q}).equal());
}

TEST_CASE("float types hold the ternary values, and give the codes back") {
  const test::TempFolder home;
  engine::write_synth_gguf(small("bitnet-b1.58"), home / "a.gguf");
  for (const auto type : {engine::TensorType::f16, engine::TensorType::f32, engine::TensorType::bf16}) {
    ConversionRequest request = to_gguf(home / "a.gguf", home / "float.gguf");
    request.types.weights = type;
    request.force = true;
    convert(request);
    CHECK(engine::load_model(home / "float.gguf")->layers[0].q.format->type == type);
    request = to_gguf(home / "float.gguf", home / "b.gguf");
    request.force = true;
    convert(request);
    check_equal(home / "a.gguf", home / "b.gguf");
  }
}

TEST_CASE("the report names every tensor of both files once, and fits its schema") {
  const test::TwinModels twins;
  const auto target = twins.home() / "out.gguf";
  const json::object report = convert(to_gguf(twins.folder(), target));
  CHECK(write_json(report) == write_json(read_json_file(conversion_report_path(target).string())));
  std::multiset<std::string> from;
  std::set<std::string> to;
  for (const json::value& row : report.at("tensors").as_array()) {
    from.insert(std::string(row.at("from").as_string()));
    to.insert(std::string(row.at("to").as_string()));
  }
  const engine::HfTensors tensors(twins.folder());
  std::multiset<std::string> expected;
  for (const auto& item : tensors.all()) expected.insert(item.first);
  CHECK(from == expected);
  const auto written = engine::GgufFile::open(target);
  CHECK(to.size() == written.tensors().size());
  const test::JsonSchema schema = test::JsonSchema::named("convert.schema.json");
  CHECK(schema.fault(report) == "");
  json::object changed = report;
  changed["tensors"].as_array()[0].as_object()["surprise"] = 1;
  CHECK(schema.fault(changed) != "");
}

TEST_CASE("a target that exists is replaced only by force, and nothing else beside it") {
  const test::TwinModels twins;
  const auto target = twins.home() / "out";
  convert(to_hf(twins.gguf(), target));
  std::ofstream(target / "notes.txt") << "mine";
  CHECK_THAT(refusal(to_hf(twins.gguf(), target), ErrorKind::usage), Catch::Contains("--force"));
  ConversionRequest request = to_hf(twins.gguf(), target, engine::HfWeights::bf16);
  request.force = true;
  convert(request);
  CHECK(engine::load_model(target)->source.format == "SafeTensors (master)");
  CHECK(fs::exists(target / "notes.txt"));
  CHECK_THAT(refusal(to_gguf(twins.gguf(), twins.gguf()), ErrorKind::usage), Catch::Contains("both"));
  CHECK_THAT(refusal(to_gguf(twins.folder(), target), ErrorKind::usage), Catch::Contains("no file"));
  CHECK(names_in(twins.home().path()) == std::set<std::string>{"folder", "model.gguf", "out", "out.convert.json"});
}

TEST_CASE("a forced conversion leaves no weights of an earlier model beside its own, and all that is not the model's") {
  const test::TwinModels twins;
  const auto target = twins.home() / "out";
  ConversionRequest request = to_hf(twins.gguf(), target);
  const auto sharded = [&] {
    fs::create_directory(target);
    std::ofstream(target / "model.safetensors.index.json")
        << R"({"weight_map": {"a": "odd.safetensors", "b": "model.safetensors", "c": "../model.gguf", "d": 3,
               "e": "config.json", "f": "notes.txt", "g": "onnx.safetensors", "h": "../b.safetensors",
               "i": "link.safetensors", "j": "last.safetensors"}})";
    for (const char* name : {"model-00001-of-00002.safetensors", "odd.safetensors", "adapter.safetensors", "notes.txt",
                             "last.safetensors", "../b.safetensors"})
      std::ofstream(target / name) << name;
    fs::create_directory(target / "onnx.safetensors");
    fs::create_symlink("../b.safetensors", target / "link.safetensors");
  };
  const std::set<std::string> kept = {"adapter.safetensors", "notes.txt", "onnx.safetensors", "link.safetensors"};
  sharded();
  CHECK_THAT(refusal(request, ErrorKind::usage), Catch::Contains("--force"));
  request.force = true;
  convert(request);
  auto names = names_in(target);
  for (const std::string& name : kept) CHECK(names.erase(name) == 1);
  const auto fresh = twins.home() / "fresh";
  convert(to_hf(twins.gguf(), fresh));
  CHECK(names == names_in(fresh));
  CHECK(fs::exists(twins.gguf()));
  CHECK(fs::exists(twins.home() / "b.safetensors"));
  check_equal(twins.gguf(), target);
  std::ofstream(target / "model.safetensors.index.json") << "broken";
  convert(request);
  CHECK_FALSE(fs::exists(target / "model.safetensors.index.json"));
}

TEST_CASE("a chat template that would stay beside the new model is refused, whether that has its own or not") {
  for (const bool own : {false, true}) {
    const test::TempFolder home;
    engine::Model model = *engine::make_synth_model(small("bitnet-b1.58"));
    engine::Vocabulary vocabulary = model.tokenizer.vocabulary();
    REQUIRE_FALSE(vocabulary.chat_template.empty());
    if (!own) vocabulary.chat_template.clear();
    model.tokenizer = engine::Tokenizer(vocabulary);
    engine::write_gguf(model, {}, home / "a.gguf");
    const auto target = home / "out";
    fs::create_directory(target);
    std::ofstream(target / "chat_template.jinja") << "{{ messages }}";
    ConversionRequest request = to_hf(home / "a.gguf", target);
    request.force = true;
    CHECK_THAT(refusal(request, ErrorKind::usage),
               Catch::Contains("chat_template.jinja") && Catch::Contains("move it away"));
    CHECK(names_in(target) == std::set<std::string>{"chat_template.jinja"});
  }
}

TEST_CASE("what cannot be replaced is refused before anything is made") {
  for (const char* name : {"out/tokenizer.json", "out/model.safetensors", "out.convert.json"}) {
    const test::TwinModels twins;
    fs::create_directories(twins.home() / name);
    fs::create_directory(twins.home() / "out");
    std::ofstream(twins.home() / "out" / "config.json") << "{}";
    ConversionRequest request = to_hf(twins.gguf(), twins.home() / "out");
    request.force = true;
    CHECK_THAT(refusal(request, ErrorKind::usage), Catch::Contains(name) && Catch::Contains("move it away"));
    CHECK(fs::file_size(twins.home() / "out" / "config.json") == 2);
  }
}

TEST_CASE("embeddings that were damaged on their way to the disk are found") {
  const test::TwinModels twins;
  for (const auto type : {engine::TensorType::f16, engine::TensorType::q8_0}) {
    ConversionRequest request = to_gguf(twins.folder(), twins.home() / "out.gguf");
    request.types.embeddings = type;
    bool damaged = false;
    request.cancelled = [&] {
      for (const auto& entry : fs::recursive_directory_iterator(twins.home().path())) {
        if (entry.path().filename() != "out.gguf" || damaged) continue;
        const auto bytes = test::read_bytes(entry.path());
        const auto file = engine::GgufFile::parse(bytes, "out.gguf");
        test::rewrite(entry.path(), bytes, file.find_tensor("token_embd.weight")->bytes,
                      [](std::span<std::byte> data) { data[34 * 9 + 2] ^= std::byte{16}; });
        damaged = true;
      }
      return false;
    };
    CHECK_THAT(refusal(request, ErrorKind::internal),
               Catch::Contains("token_embd.weight did not survive") && Catch::Contains("1 of "));
    CHECK(damaged);
    CHECK(names_in(twins.home().path()) == std::set<std::string>{"folder", "model.gguf"});
  }
}

TEST_CASE("a conversion that is cancelled between any two steps changes nothing") {
  const test::TwinModels twins;
  int steps = 0;
  ConversionRequest request = to_hf(twins.gguf(), twins.home() / "out");
  for (int last = 1; last < 10; ++last) {
    steps = 0;
    request.cancelled = [&] { return ++steps == last; };
    CHECK_THAT(refusal(request, ErrorKind::setup), Catch::Contains("interrupted"));
    CHECK(names_in(twins.home().path()) == std::set<std::string>{"folder", "model.gguf"});
  }
  for (const int last : {1, 2, 4}) {
    Leftovers leftovers;
    steps = 0;
    request.cancelled = [&] {
      if (++steps == last) leftovers.remove_all();
      return false;
    };
    request.leftovers = &leftovers;
    CHECK(refusal(request, ErrorKind::setup) != "");
    CHECK(names_in(twins.home().path()) == std::set<std::string>{"folder", "model.gguf"});
  }
}

TEST_CASE("a tensor without a place is an error that names it, and nothing is written") {
  const test::TempFolder home;
  auto model = test::SmallModel::make();
  model.add("blk.0.attn_q.bias", engine::TensorType::f32, {128});
  model.write(home / "a.gguf");
  CHECK_THAT(refusal(to_hf(home / "a.gguf", home / "out"), ErrorKind::setup), Catch::Contains("blk.0.attn_q.bias"));
  CHECK(names_in(home.path()) == std::set<std::string>{"a.gguf"});
}

TEST_CASE("floats that are not ternary are refused where codes are wanted, with the tensor's name") {
  const test::TempFolder home;
  auto model = test::SmallModel::make();
  model.tensor("blk.0.ffn_up.weight").type = engine::TensorType::f32;
  model.tensor("blk.0.ffn_up.weight").fill = [](std::span<std::byte> bytes) {
    const float value = 0.5f, other = 0.25f;
    for (std::size_t i = 0; i < bytes.size(); i += sizeof value)
      std::memcpy(bytes.data() + i, i % 8 == 0 ? &value : &other, sizeof value);
  };
  model.write(home / "a.gguf");
  CHECK_THAT(refusal(to_hf(home / "a.gguf", home / "out"), ErrorKind::usage), Catch::Contains("blk.0.ffn_up.weight"));
  CHECK_THAT(refusal(to_gguf(home / "a.gguf", home / "b.gguf"), ErrorKind::usage),
             Catch::Contains("blk.0.ffn_up.weight"));
  CHECK(names_in(home.path()) == std::set<std::string>{"a.gguf"});
}

TEST_CASE("floats that are not ternary become a master as they are, with a warning") {
  const test::TempFolder home;
  auto model = test::SmallModel::make();
  model.tensor("blk.0.ffn_up.weight").type = engine::TensorType::f32;
  model.tensor("blk.0.ffn_up.weight").fill = [](std::span<std::byte> bytes) {
    const float value = 0.5f, other = 0.25f;
    for (std::size_t i = 0; i < bytes.size(); i += sizeof value)
      std::memcpy(bytes.data() + i, i % 8 == 0 ? &value : &other, sizeof value);
  };
  model.write(home / "a.gguf");
  const json::object report = convert(to_hf(home / "a.gguf", home / "out", engine::HfWeights::bf16));
  CHECK_THAT(write_json_line(report.at("warnings")), Catch::Contains("not ternary"));
  for (const json::value& row : report.at("tensors").as_array()) {
    if (row.at("from") != "blk.0.ffn_up.weight") continue;
    CHECK(row.at("kind") == "float");
    CHECK(row.at("exact") == true);
  }
}

TEST_CASE("a scale of its own tensor is folded in, and an unused output is told") {
  const test::TempFolder home;
  auto model = test::SmallModel::make("bitnet");
  model.tensors.push_back({"blk.0.attn_q.scale", engine::TensorType::f32, {1}, [](std::span<std::byte> bytes) {
                             const float two = 2.0f;
                             std::memcpy(bytes.data(), &two, sizeof two);
                           }});
  model.write(home / "a.gguf");
  const json::object report = convert(to_hf(home / "a.gguf", home / "out"));
  const auto& rows = report.at("tensors").as_array();
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [](const json::value& row) { return row.at("from") == "blk.0.attn_q.scale"; });
  REQUIRE(found != rows.end());
  CHECK(found->at("to") == "model.layers.0.self_attn.q_proj.weight_scale");
  CHECK(found->at("to_scale").to_number<double>() == 1.0);  // the made model's scales are a half

  auto tied = test::SmallModel::make();
  tied.add("output.weight", engine::TensorType::f16, {128, static_cast<std::int64_t>(tied.vocabulary.tokens.size())});
  tied.write(home / "tied.gguf");
  CHECK(convert(to_hf(home / "tied.gguf", home / "tied")).at("summary").at("dropped") == 1);
}

TEST_CASE("an output matrix that GGUF readers would ignore is not lost in silence") {
  const test::TwinModels twins;
  auto config = read_json_file((twins.folder() / "config.json").string());
  config.as_object()["tie_word_embeddings"] = false;
  write_json_file((twins.folder() / "config.json").string(), config);
  const auto file = twins.folder() / "model.safetensors";
  const auto bytes = test::read_bytes(file);
  engine::SafeTensorsWriter writer;
  const auto tensors = engine::SafeTensorsFile::parse(bytes, "test");
  const auto add = [&](const std::string& name, const engine::SafeTensor& tensor) {
    writer.add_tensor(name, tensor.dtype, tensor.shape, [&tensor](std::span<std::byte> dst) {
      std::copy(tensor.bytes.begin(), tensor.bytes.end(), dst.begin());
    });
  };
  for (const engine::SafeTensor& tensor : tensors.tensors()) add(tensor.name, tensor);
  add("lm_head.weight", *tensors.find("model.embed_tokens.weight"));
  writer.write(file);
  CHECK_THAT(refusal(to_gguf(twins.folder(), twins.home() / "out.gguf"), ErrorKind::setup),
             Catch::Contains("output matrix"));
}

TEST_CASE("rows of the embeddings without a token get one that no text makes") {
  const test::TempFolder home;
  const auto made = engine::make_synth_model(small("bitnet-b1.58"));
  engine::Model model = *made;
  engine::Vocabulary vocabulary = made->tokenizer.vocabulary();
  // Without the last tokens; merges are kept, for they make earlier ones.
  const auto kept = static_cast<std::size_t>(model.config.n_vocab) - 2;
  vocabulary.tokens.resize(kept);
  vocabulary.types.resize(kept);
  const auto fits = [&](engine::TokenId& id) {
    if (id >= static_cast<engine::TokenId>(kept)) id = engine::kNoToken;
  };
  for (engine::TokenId* id : {&vocabulary.bos, &vocabulary.eos, &vocabulary.eot, &vocabulary.eom, &vocabulary.padding})
    fits(*id);
  if (vocabulary.scores.size() > kept) vocabulary.scores.resize(kept);
  model.tokenizer = engine::Tokenizer(vocabulary);
  engine::write_gguf(model, {}, home / "a.gguf");
  const auto again = engine::load_model(home / "a.gguf");
  CHECK(again->tokenizer.size() == model.config.n_vocab);
  CHECK(again->tokenizer.vocabulary().types.back() == engine::TokenType::unused);
  for (const auto& field : compare_vocabularies(model.tokenizer, again->tokenizer)) {
    CAPTURE(field.key);
    CHECK((field.equal || !field.required));
  }
}
