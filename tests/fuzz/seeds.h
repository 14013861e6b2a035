// Seeds and words of each target, in the source of its name; text_seeds.cpp has those of JSON and SafeTensors.
#pragma once

#include <string>
#include <vector>

#include "engine/model/tokenizer.h"
#include "tests/fuzz/targets.h"

namespace bh::fuzz {

std::vector<Seed> gguf_seeds();
std::vector<std::string> gguf_words();

std::vector<Seed> safetensors_seeds();
std::vector<std::string> safetensors_words();

std::vector<Seed> json_seeds();
std::vector<std::string> json_words();

std::vector<Seed> tokenizer_seeds();
std::vector<std::string> tokenizer_words();
std::vector<Seed> tokenizer_json_seeds();
std::vector<std::string> tokenizer_json_words();
std::vector<Seed> tiktoken_seeds();
std::vector<std::string> tiktoken_words();
/// Vocabularies with a token for every byte; the tokenizer target picks one by its input's first byte.
std::vector<engine::Vocabulary> whole_vocabularies();

std::vector<Seed> gguf_model_seeds();
std::vector<std::string> gguf_model_words();
/// config.json, tokenizer.json and model.safetensors, divided as write_parts() divides them (files.h).
std::vector<Seed> hf_model_seeds();
std::vector<std::string> hf_model_words();

}  // namespace bh::fuzz
