"""Counts tokens: a JSON list of texts on standard input, the counts of each tokenizer on standard output.

The package brings its vocabularies along, so nothing is downloaded.
"""

from __future__ import annotations

import json
import sys

import bpe_openai

ENCODINGS = ("o200k_base", "cl100k_base")
# It refuses what has more than 200,000 tokens; a cut in between makes at most one token more.
LONGEST = 100_000


def count(encoding: bpe_openai.Encoding, text: str) -> int:
    """The number of tokens."""
    parts = [text[start : start + LONGEST] for start in range(0, len(text), LONGEST)]
    return sum(len(encoding.encode_ordinary(part)) for part in parts)


def main() -> None:
    """Count everything with each tokenizer."""
    texts = json.load(sys.stdin)
    encodings = {name: bpe_openai.get_encoding(name) for name in ENCODINGS}
    print(json.dumps({name: [count(encoding, text) for text in texts] for name, encoding in encodings.items()}))


if __name__ == "__main__":
    main()
