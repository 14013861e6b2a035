#!/usr/bin/env python3
"""Write the training text and the held-out text of kjv-3m from Debian's packages bible-kjv and bible-kjv-text.

usage: prepare.py OUT_DIR        writes OUT_DIR/text.txt and OUT_DIR/heldout.txt

One verse a line without its reference, an empty line after each chapter. Every 20th chapter, counting from the 8th, goes
to the end, so that the held-out tail is drawn from the whole book. The last 5 % of the text are never trained on;
heldout.txt is that tail from its first whole chapter on.
"""
import argparse
import pathlib
import re
import subprocess

HELD_OUT_SHARE = 0.05


def read_chapters():
    """All chapters in order, each a list of verses."""
    printed = subprocess.run(
        ["bible", "-f", "-l100000", "gen1:1-rev22:21"], check=True, capture_output=True, encoding="utf-8"
    ).stdout
    chapters = {}
    for line in printed.splitlines():
        match = re.match(r"(\S+?)(\d+):\d+ (.*)$", line)
        if not match:
            raise SystemExit(f"prepare.py: `bible` printed a line that is not a verse: {line!r}")
        chapters.setdefault((match[1], match[2]), []).append(match[3])
    return list(chapters.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=pathlib.Path)
    out_dir = parser.parse_args().out_dir

    chapters = read_chapters()
    ordered = [c for i, c in enumerate(chapters) if i % 20 != 7] + chapters[7::20]
    text = "".join("\n".join(chapter) + "\n\n" for chapter in ordered)
    cut = training_cut(text)
    held_out = text[text.index("\n\n", cut) + 2 :]

    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "text.txt").write_text(text, encoding="utf-8")
    (out_dir / "heldout.txt").write_text(held_out, encoding="utf-8")
    print(f"{len(chapters)} chapters, {len(text)} characters, {len(held_out)} held out")


def training_cut(text):
    """Where training ends: train.py reads text[:cut] only and validates on the rest."""
    return int(len(text) * (1 - HELD_OUT_SHARE))


if __name__ == "__main__":
    main()
