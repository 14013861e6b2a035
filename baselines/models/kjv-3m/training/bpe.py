"""Byte-level byte-pair encoding as kjv-3m uses it: learnt from a text, applied to a text.

The pre-tokenizer is the Llama 3 pattern (`llama-bpe`); bytes are written as the printable characters of GPT-2's table.
"""
import collections
import json
import pathlib

import regex

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|pad|>"]  # their ids follow the vocabulary's

_UNRANKED = 1 << 30
_compiled = regex.compile(PATTERN)


def _printable_bytes():
    """GPT-2's table: printable Latin-1 bytes stand for themselves, the others for characters from 256 on."""
    themselves = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in themselves}
    for k, b in enumerate(b for b in range(256) if b not in table):
        table[b] = chr(256 + k)
    return table


BYTES = _printable_bytes()


def spell(text):
    return [BYTES[b] for b in text.encode()]


def _join(symbols, left, right):
    """`symbols` with every adjacent left, right made one."""
    joined, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == left and symbols[i + 1] == right:
            joined.append(left + right)
            i += 2
        else:
            joined.append(symbols[i])
            i += 1
    return joined


def train(text, vocabulary_size):
    """Learns (vocabulary, merges): the most frequent pair first, the alphabetically first among equals."""
    words = [(spell(word), count) for word, count in collections.Counter(_compiled.findall(text)).items()]
    vocabulary, merges = [BYTES[b] for b in range(256)], []
    while len(vocabulary) < vocabulary_size:
        pairs = collections.Counter()
        for symbols, count in words:
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += count
        if not pairs:
            break
        (left, right), _ = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        merges.append((left, right))
        vocabulary.append(left + right)
        words = [(_join(symbols, left, right) if left in symbols else symbols, count) for symbols, count in words]
    return vocabulary, merges


class Encoder:
    def __init__(self, vocabulary, merges):
        self._ids = {token: i for i, token in enumerate(vocabulary)}
        self._ranks = {pair: i for i, pair in enumerate(merges)}
        self._cache = {}

    def _encode_word(self, word):
        if word not in self._cache:
            symbols = spell(word)
            while len(symbols) > 1:
                ranked = ((self._ranks.get((symbols[i], symbols[i + 1]), _UNRANKED), i) for i in range(len(symbols) - 1))
                rank, i = min(ranked)
                if rank == _UNRANKED:
                    break
                symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            self._cache[word] = [self._ids[symbol] for symbol in symbols]
        return self._cache[word]

    def encode(self, text):
        return [token for word in _compiled.findall(text) for token in self._encode_word(word)]


def save(path, vocabulary, merges):
    pathlib.Path(path).write_text(json.dumps({"vocab": vocabulary, "merges": merges}), encoding="utf-8")


def load(path):
    stored = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    return stored["vocab"], [tuple(pair) for pair in stored["merges"]]
