#!/usr/bin/env python3
"""Records tokenizer_battery.json: hard strings and the ids that Hugging Face's tokenizers gives them.

    pip install tokenizers
    record_tokenizer_battery.py TOKENIZER_JSON > tokenizer_battery.json

The ids come from an implementation independent of ours. BOS is not added; control tokens in the text are recognised.
"""
import hashlib
import json
import sys

import tokenizers

STRINGS = {
    "empty": "",
    "one letter": "a",
    "scripture": "In the beginning God created the heaven and the earth.",
    "punctuation runs": "Hello, world!!! ... (what?) [no] {yes} <maybe> -- \"quoted\" 'single' `code`;",
    "contractions": "it's I'm we'll they've he'd can't YOU'RE DON'T rock'n'roll 's 'tis o'clock",
    "digits in threes": "1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x7f 1e-5 2026-07-01",
    "other digits": "\u0661\u0662\u0663 \u0967\u0968\u0969\u096a \u00bd \u2167 \u00b2\u2075 \uff11\uff12\uff13\uff14",
    "leading spaces": "   three spaces",
    "trailing spaces": "three spaces   ",
    "inner spaces": "a  b   c    d     e",
    "only spaces": "        ",
    "tabs and spaces": "\tif x:\n\t\treturn  \t y \t\n",
    "newlines": "a\nb\n\nc\n\n\nd\n",
    "carriage returns": "a\r\nb\r\n\r\n c\rd",
    "spaces before newlines": " \n \n  \n\n x \n",
    "unicode spaces": "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u1680h",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe\u2060f",
    "accents": "na\u00efve caf\u00e9 \u00c5ngstr\u00f6m \u0141\u00f3d\u017a co\u00f6perate",
    "combining marks": "e\u0301 n\u0303 a\u0323\u0302 \u0939\u093f\u0928\u094d\u0926\u0940",
    "greek and cyrillic": "\u1f10\u03bd \u1f00\u03c1\u03c7\u1fc7 \u1f26\u03bd \u1f41 \u03bb\u03cc\u03b3\u03bf\u03c2 / \u0412 \u043d\u0430\u0447\u0430\u043b\u0435 \u0431\u044b\u043b\u043e \u0421\u043b\u043e\u0432\u043e",
    "hebrew and arabic": "\u05d1\u05b0\u05bc\u05e8\u05b5\u05d0\u05e9\u05b4\u05c1\u05d9\u05ea \u0628\u0650\u0633\u0652\u0645\u0650 \u0627\u0644\u0644\u0647",
    "chinese and japanese": "\u592a\u521d\u6709\u9053 \u65e5\u672c\u8a9e\u30c6\u30b9\u30c8\u3002\u300c\u5f15\u7528\u300d",
    "korean": "\ud0dc\ucd08\uc5d0 \ub9d0\uc500\uc774 \uacc4\uc2dc\ub2c8\ub77c",
    "thai": "\u0e43\u0e19\u0e1b\u0e10\u0e21\u0e01\u0e32\u0e25",
    "emoji": "\U0001f680\U0001f389 ok \U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "beyond the basic plane": "\U00020000\U0001d11e \U00010330\U0001d4d0\U0010ffff",
    "mathematics": "\u2200x\u2208\u211d: x\u00b2\u22650 \u222b\u2080^\u221e e^{-x} dx = 1 \u2260 \u00b1\u221e",
    "code": "for (int i = 0; i < n; ++i) { a[i] += b[i] * 2.0f; }  // sum\n#define X(y) ((y) << 2)\n",
    "json": "{\"a\": [1, -2.5e3, null, true], \"b\\n\": \"\\u00e9\"}",
    "markup": "<p class=\"x\">A &amp; B</p>\n<!-- c -->",
    "url": "https://example.org/a/b?c=d&e=%20f#g user@example.org",
    "snake and camel": "hello_world __init__ camelCaseWords HTTPServer x1y2z3",
    "symbols": "~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./ \u00a7\u00b6\u2020\u2021\u2022\u2026\u20ac\u00a3\u00a5",
    "nul and controls": "a\u0000b\u0001c\u0007d\u001be\u007ff",
    "control tokens in the text": "<|begin_of_text|>And it came to pass<|eot_id|>Amen<|end_of_text|>",
    "nearly control tokens": "<|eot_id| > <|eot_id <|unknown|> <||> |eot_id|>",
    "control tokens touching": "<|eot_id|><|eot_id|> <|pad|>x<|pad|>",
    "capitals": "THE LORD GOD AND THE KING OF KINGS",
    "title case": "The Lord God And The King Of Kings",
    "a long word": "Mahershalalhashbaz" * 12,
    "a long run of one letter": "a" * 300,
    "a long run of punctuation": "!" * 100 + "?" * 33,
    "a long run of digits": "7" * 100,
    "a long run of newlines": "\n" * 50,
    "a long run of spaces before a word": " " * 500 + "word",
    "apostrophes of other shapes": "it\u2019s \u2018tis don\u02bct",
    "mixed scripts in a word": "a\u0431c\u4e2dd\u00e9\u03b1",
    "roman and ordinal": "1st 2nd 3rd IV. XVIII, ch. 3:16-17",
    "underscores and spaces": " _ __ ___ _a a_ _a_ ",
    "tabs only": "\t\t\t",
    "lone continuation of quotes": "''''s '' ' 'x",
}


def vocabulary_sha256(document):
    """Tokens by id, then merges, each followed by a newline."""
    tokens = {i: t for t, i in document["model"]["vocab"].items()}
    tokens.update({t["id"]: t["content"] for t in document["added_tokens"]})
    merges = [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]]
    lines = [tokens[i] for i in sorted(tokens)] + merges
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
    head = {
        "schema": "bitharness.tokenizer_battery/1",
        "recorded_with": f"Hugging Face tokenizers {tokenizers.__version__}",
        "vocabulary_sha256": vocabulary_sha256(document),
        "pre": "llama-bpe",
    }
    lines = [
        json.dumps({"name": name, "text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids})
        for name, text in STRINGS.items()
    ]
    print("{")
    for key, value in head.items():
        print(f"  {json.dumps(key)}: {json.dumps(value)},")
    print('  "cases": [\n    ' + ",\n    ".join(lines) + "\n  ]\n}")


main()
