#!/usr/bin/env python3
"""Write kjv-3m in every format it ships in: Hugging Face folders (bf16 master, packed U8) and GGUF (I2_S, F16).

usage: export.py SOURCE OUT_DIR [--name NAME]

SOURCE is either what train.py wrote (checkpoint.npz, bpe.json) or a bf16 master folder that this script wrote
(model.safetensors, tokenizer.json): exporting the shipped master again gives the shipped files to the byte.
Writes OUT_DIR/bf16/, OUT_DIR/packed/, OUT_DIR/NAME-i2_s.gguf and OUT_DIR/NAME-f16.gguf.
"""
import argparse
import json
import pathlib
import struct

import numpy as np

import bpe

ARCHITECTURE = "bitnet-b1.58"
BLOCKS, WIDTH, FEED_FORWARD, HEADS, KV_HEADS, CONTEXT = 4, 256, 768, 4, 2, 256
ROPE_THETA, NORM_EPSILON = 10000.0, 1e-5

# GGUF name -> Hugging Face name, in the order of a GGUF block.
NORMS = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_sub_norm": "self_attn.attn_sub_norm",
    "ffn_sub_norm": "mlp.ffn_sub_norm",
}
MATRICES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def to_bf16(x):
    """float32 -> the bits of the nearest bfloat16, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


# ---- Reading -------------------------------------------------------------------------------------------------------


def read_source(source):
    """(weights by GGUF name as bf16 bits, vocabulary, merges)."""
    if (source / "checkpoint.npz").exists():
        weights = {name: to_bf16(value) for name, value in np.load(source / "checkpoint.npz").items()}
        return weights, *bpe.load(source / "bpe.json")
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = [tuple(pair.split(" ")) for pair in tokenizer["merges"]]
    return read_master(source / "model.safetensors"), list(tokenizer["vocab"]), merges


def read_master(path):
    raw = path.read_bytes()
    (header_size,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + header_size])
    weights = {}
    for gguf_name, hf_name in tensor_names():
        entry = header[hf_name]
        begin, end = entry["data_offsets"]
        weights[gguf_name] = np.frombuffer(raw[8 + header_size :][begin:end], np.uint16).reshape(entry["shape"])
    return weights


def tensor_names():
    yield "token_embd.weight", "model.embed_tokens.weight"
    for i in range(BLOCKS):
        for gguf_name, hf_name in (NORMS | MATRICES).items():
            yield f"blk.{i}.{gguf_name}.weight", f"model.layers.{i}.{hf_name}.weight"
    yield "output_norm.weight", "model.norm.weight"


class Ternary:
    """A matrix as codes in -1..1 and one scale, absmean, from the bf16-rounded master."""

    def __init__(self, master_bits):
        x = from_bf16(master_bits)
        scale = max(np.abs(x.astype(np.float64)).mean(), 1e-5)
        self.codes = np.clip(np.rint(x / np.float32(scale)), -1, 1).astype(np.int8)
        self.scale_bits = to_bf16(np.float32([scale]))  # every file carries the bf16 scale
        self.scale = from_bf16(self.scale_bits)[0]

    def packed(self):
        """Four rows a byte: row r, r + R, r + 2R, r + 3R of R = rows / 4, lowest bits first, code + 1."""
        codes = (self.codes + 1).astype(np.uint8)
        r = codes.shape[0] // 4
        return codes[:r] | codes[r : 2 * r] << 2 | codes[2 * r : 3 * r] << 4 | codes[3 * r :] << 6

    def i2_s(self):
        """The canonical layout: 128 codes in 32 bytes, four groups of 32, highest bits first; then scale and padding."""
        groups = (self.codes + 1).astype(np.uint8).reshape(-1, 4, 32)
        packed = groups[:, 0] << 6 | groups[:, 1] << 4 | groups[:, 2] << 2 | groups[:, 3]
        return packed.astype(np.uint8).tobytes() + struct.pack("<f", self.scale) + bytes(28)

    def f16(self):
        return (self.codes.astype(np.float32) * self.scale).astype("<f2").tobytes()


# ---- Hugging Face --------------------------------------------------------------------------------------------------


def write_safetensors(path, tensors):
    header, offset, blobs = {"__metadata__": {"format": "pt"}}, 0, []
    for name, (dtype, array) in sorted(tensors.items()):
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def write_json(path, value, indent=1):
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False), encoding="utf-8")


def config(vocabulary_size, quantization_mode):
    bos = vocabulary_size
    return {
        "architectures": ["BitNetForCausalLM"],
        "model_type": "bitnet",
        "hidden_act": "relu2",
        "hidden_size": WIDTH,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": BLOCKS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": NORM_EPSILON,
        "rope_theta": ROPE_THETA,
        "vocab_size": vocabulary_size + len(bpe.SPECIAL),
        "bos_token_id": bos,
        "eos_token_id": bos + 1,
        "pad_token_id": bos + 3,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "initializer_range": 0.02,
        "attention_dropout": 0.0,
        "use_cache": True,
        "quantization_config": {
            "quant_method": "bitnet",
            "linear_class": "autobitlinear",
            "quantization_mode": quantization_mode,
        },
    }


def tokenizer_json(vocabulary, merges):
    bos = len(vocabulary)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    split = {"type": "Split", "pattern": {"Regex": bpe.PATTERN}, "behavior": "Isolated", "invert": False}
    bytes_only = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}

    def begin(sequence):
        return {"SpecialToken": {"id": bpe.SPECIAL[0], "type_id": sequence}}

    def body(name, sequence):
        return {"Sequence": {"id": name, "type_id": sequence}}

    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": bos + k, "content": token, **flags} for k, token in enumerate(bpe.SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_only]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin(0), body("A", 0)],
            "pair": [begin(0), body("A", 0), begin(1), body("B", 1)],
            "special_tokens": {bpe.SPECIAL[0]: {"id": bpe.SPECIAL[0], "ids": [bos], "tokens": [bpe.SPECIAL[0]]}},
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(vocabulary)},
            "merges": [f"{left} {right}" for left, right in merges],
        },
    }


def write_hf_folder(folder, tensors, mode, vocabulary, merges):
    folder.mkdir(parents=True, exist_ok=True)
    bos = len(vocabulary)
    write_safetensors(folder / "model.safetensors", tensors)
    write_json(folder / "config.json", config(len(vocabulary), mode))
    write_json(folder / "tokenizer.json", tokenizer_json(vocabulary, merges), indent=0)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": bpe.SPECIAL[0],
            "eos_token": bpe.SPECIAL[1],
            "pad_token": bpe.SPECIAL[3],
            "model_max_length": CONTEXT,
        },
    )
    write_json(
        folder / "generation_config.json",
        {"bos_token_id": bos, "eos_token_id": [bos + 1, bos + 2], "pad_token_id": bos + 3},
    )


def write_hf(out_dir, weights, ternary, vocabulary, merges):
    master, packed = {}, {}
    for gguf_name, hf_name in tensor_names():
        master[hf_name] = packed[hf_name] = ("BF16", weights[gguf_name])
        if gguf_name in ternary:
            packed[hf_name] = ("U8", ternary[gguf_name].packed())
            packed[hf_name + "_scale"] = ("BF16", ternary[gguf_name].scale_bits)
    write_hf_folder(out_dir / "bf16", master, "online", vocabulary, merges)
    write_hf_folder(out_dir / "packed", packed, "offline", vocabulary, merges)


# ---- GGUF ----------------------------------------------------------------------------------------------------------

U32, I32, F32_VALUE, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32, F16, I2_S = 0, 1, 36
ALIGNMENT = 32


def gguf_string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_key(key, kind, payload):
    return gguf_string(key) + struct.pack("<I", kind) + payload


def gguf_keys(name, file_type, vocabulary, merges):
    bos = len(vocabulary)

    def u32(key, value):
        return gguf_key(key, U32, struct.pack("<I", value))

    def f32(key, value):
        return gguf_key(key, F32_VALUE, struct.pack("<f", value))

    def string(key, value):
        return gguf_key(key, STRING, gguf_string(value))

    def strings(key, values):
        return gguf_key(key, ARRAY, struct.pack("<IQ", STRING, len(values)) + b"".join(map(gguf_string, values)))

    types = [1] * len(vocabulary) + [3] * len(bpe.SPECIAL)  # normal, control
    return [
        string("general.architecture", ARCHITECTURE),
        string("general.name", name),
        u32("general.file_type", file_type),
        u32("general.quantization_version", 2),
        u32(f"{ARCHITECTURE}.vocab_size", len(vocabulary) + len(bpe.SPECIAL)),
        u32(f"{ARCHITECTURE}.context_length", CONTEXT),
        u32(f"{ARCHITECTURE}.embedding_length", WIDTH),
        u32(f"{ARCHITECTURE}.block_count", BLOCKS),
        u32(f"{ARCHITECTURE}.feed_forward_length", FEED_FORWARD),
        u32(f"{ARCHITECTURE}.rope.dimension_count", WIDTH // HEADS),
        u32(f"{ARCHITECTURE}.attention.head_count", HEADS),
        u32(f"{ARCHITECTURE}.attention.head_count_kv", KV_HEADS),
        f32(f"{ARCHITECTURE}.attention.layer_norm_rms_epsilon", NORM_EPSILON),
        f32(f"{ARCHITECTURE}.rope.freq_base", ROPE_THETA),
        string("tokenizer.ggml.model", "gpt2"),
        string("tokenizer.ggml.pre", "llama-bpe"),
        strings("tokenizer.ggml.tokens", vocabulary + bpe.SPECIAL),
        gguf_key(
            "tokenizer.ggml.token_type",
            ARRAY,
            struct.pack("<IQ", I32, len(types)) + np.asarray(types, "<i4").tobytes(),
        ),
        strings("tokenizer.ggml.merges", [f"{left} {right}" for left, right in merges]),
        u32("tokenizer.ggml.bos_token_id", bos),
        u32("tokenizer.ggml.eos_token_id", bos + 1),
        u32("tokenizer.ggml.eot_token_id", bos + 2),
        u32("tokenizer.ggml.padding_token_id", bos + 3),
        gguf_key("tokenizer.ggml.add_bos_token", BOOL, b"\x01"),
    ]


def gguf_tensors(weights, ternary, weight_type):
    """(name, shape, type, bytes) of every tensor in file order; norms as f32, embeddings as f16."""
    for gguf_name, _ in tensor_names():
        shape = weights[gguf_name].shape[::-1]
        if gguf_name in ternary:
            matrix = ternary[gguf_name]
            yield gguf_name, shape, weight_type, matrix.i2_s() if weight_type == I2_S else matrix.f16()
        elif gguf_name == "token_embd.weight":
            yield gguf_name, shape, F16, from_bf16(weights[gguf_name]).astype("<f2").tobytes()
        else:
            yield gguf_name, shape, F32, from_bf16(weights[gguf_name]).astype("<f4").tobytes()


def write_gguf(path, keys, tensors):
    def aligned(blob):
        return blob + bytes(-len(blob) % ALIGNMENT)

    offset, infos, blobs = 0, [], []
    for name, shape, kind, blob in tensors:
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos.append(gguf_string(name) + dimensions + struct.pack("<IQ", kind, offset))
        blobs.append(aligned(blob))
        offset += len(blobs[-1])
    header = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys))
    path.write_bytes(aligned(header + b"".join(keys) + b"".join(infos)) + b"".join(blobs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("out_dir", type=pathlib.Path)
    parser.add_argument("--name", default="kjv-3m")
    arguments = parser.parse_args()

    weights, vocabulary, merges = read_source(arguments.source)
    matrices = [f"blk.{i}.{name}.weight" for i in range(BLOCKS) for name in MATRICES]
    ternary = {name: Ternary(weights[name]) for name in matrices}
    arguments.out_dir.mkdir(parents=True, exist_ok=True)
    write_hf(arguments.out_dir, weights, ternary, vocabulary, merges)
    for suffix, file_type, weight_type in (("i2_s", 40, I2_S), ("f16", 1, F16)):
        keys = gguf_keys(arguments.name, file_type, vocabulary, merges)
        write_gguf(
            arguments.out_dir / f"{arguments.name}-{suffix}.gguf", keys, gguf_tensors(weights, ternary, weight_type)
        )
    print(f"wrote bf16/, packed/, {arguments.name}-i2_s.gguf and {arguments.name}-f16.gguf to {arguments.out_dir}")


if __name__ == "__main__":
    main()
