"""The results of the OCI plugin's benchmarks as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oci.images import COUNT, REQUESTS
from oci.speed import BASE, Table

TOKENIZER = "o200k_base"
SECOND = "cl100k_base"


def speed_table(delay: float, table: Table) -> Iterator[str]:
    """One table of ways; "faster" compares with oras-py one after another, medians first and then the least."""
    yield f"### Details of {COUNT} images, {delay * 1000:g} ms added to each request"
    yield ""
    yield "| | wall s: median | least | faster | by least | CPU s: least | ms an image | requests | peak MiB | rounds |"
    yield f"|---|{'--:|' * 9}"
    base = table[BASE]
    for title, values in table.items():
        cells = [
            f"{values['wall']:.3f}",
            f"{values['least_wall']:.3f}",
            f"{base['wall'] / values['wall']:.1f} x",
            f"{base['least_wall'] / values['least_wall']:.1f} x",
            f"{values['least_cpu']:.3f}",
            f"{values['least_cpu'] / COUNT * 1000:.2f}",
            f"{values['requests']:.0f}",
            f"{values['peak_mib']:.0f}",
            f"{values['rounds']:.0f}",
        ]
        yield f"| {title} | {' | '.join(cells)} |"
    used = base["registry_cpu"] / COUNT / REQUESTS * 1e6
    yield ""
    yield f"The registry used {used:.0f} µs of its own core per request (first row, median)."
    yield ""


def imports_table(table: Table) -> Iterator[str]:
    """What the libraries cost before their first request."""
    yield "### Import"
    yield ""
    yield "| | ms | MiB added |"
    yield "|---|--:|--:|"
    for title, values in table.items():
        yield f"| {title} | {values['wall'] * 1000:.0f} | {values['mib']:.1f} |"
    yield ""


def token_tables(found: dict[str, Any]) -> Iterator[str]:
    """Answers, raw documents and descriptions in tokens."""
    tables = found["tables"]
    yield f"### Tokens ({TOKENIZER}; in the last column {SECOND}; other models' tokenizers count otherwise)"
    yield ""
    yield f"| answer | text | structured content | bytes of text | text, {SECOND} |"
    yield "|---|--:|--:|--:|--:|"
    for row, columns in tables["answers"].items():
        text, structured = columns["text"], columns["structured"]
        yield f"| {row} | {text[TOKENIZER]} | {structured[TOKENIZER]} | {text['bytes']} | {text[SECOND]} |"
    yield ""
    if found["unasked"]:
        yield f"Not asked, because no question is known: {', '.join(found['unasked'])}."
        yield ""
    yield f"| as the registry has it, for comparison | text | bytes | text, {SECOND} |"
    yield "|---|--:|--:|--:|"
    for row, columns in tables["raw"].items():
        text = columns["text"]
        yield f"| {row} | {text[TOKENIZER]} | {text['bytes']} | {text[SECOND]} |"
    yield ""
    yield from _all_images(found["all_images"])
    yield f"| tools/list | name, description, input schema | output schema | first, {SECOND} |"
    yield "|---|--:|--:|--:|"
    for row, columns in tables["list"].items():
        model, output = columns["model"], columns["output"]
        yield f"| {row} | {model[TOKENIZER]} | {output[TOKENIZER]} | {model[SECOND]} |"
    yield ""


def _all_images(kinds: dict[str, dict[str, float]]) -> Iterator[str]:
    text, raw = kinds["text"], kinds["raw"]
    yield (
        f"oci_get_details of one tag of each of {text['images']:.0f} seeded repositories: median {text['median']:.0f} "
        f"tokens, most {text['most']:.0f}. Their raw manifests: median {raw['median']:.0f}, most {raw['most']:.0f}."
    )
    yield ""


def markdown(results: dict[str, Any], machine: str) -> str:
    """All tables of what was measured."""
    lines = ["## The OCI plugin", "", machine, ""]
    for delay, table in results.get("speed", {}).items():
        lines += speed_table(float(delay), table)
    if "imports" in results:
        lines += imports_table(results["imports"])
    if "tokens" in results:
        lines += token_tables(results["tokens"])
    return "\n".join(lines)
