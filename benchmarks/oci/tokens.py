"""What the plugin's tools cost a model in tokens: their descriptions, once, and their answers about the seed data."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wire import WrongAnswer

from fuseboard_oci.testing import Repository, seed_data
from oci.host import DETAILS, Host
from oci.processes import HERE, PYTHON, RegistryProcess

# Tool, what is asked in words, and the arguments without the registry.
QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("oci_ping", "ping", {}),
    ("oci_list_tags", "3 tags", {"repository": "demo/app"}),
    ("oci_list_tags", "1200 tags, 200 shown", {"repository": "demo/manytags"}),
    ("oci_list_tags", "1200 tags, all shown", {"repository": "demo/manytags", "limit": 2000}),
    ("oci_get_details", "one platform", {"repository": "demo/single", "reference": "1.0"}),
    ("oci_get_details", "4 platforms", {"repository": "demo/multi", "reference": "1.0"}),
    (
        "oci_get_details",
        "4 platforms, of which one",
        {"repository": "demo/multi", "reference": "1.0", "platform": "linux/arm64"},
    ),
    (
        "oci_get_details",
        "10 images, 4 platforms each",
        {"images": [f"demo/par{number:02}:1.0" for number in range(10)]},
    ),
    ("oci_get_details", "hostile annotations", {"repository": "demo/labels", "reference": "1.0"}),
    ("oci_get_details", "index of 3.5 MB", {"repository": "demo/big", "reference": "1.0"}),
    ("oci_find_tags", "newest of 1200", {"repository": "demo/manytags"}),
    ("oci_find_tags", "update for 0.1.2-alpine", {"repository": "demo/manytags", "current": "0.1.2-alpine"}),
    ("oci_get_config", "plain", {"repository": "demo/single", "reference": "1.0"}),
    ("oci_get_config", "hostile labels", {"repository": "demo/labels", "reference": "1.0"}),
    (
        "oci_compare_images",
        "two versions",
        {"repository": "demo/app", "reference_a": "1.0.0", "reference_b": "1.1.0"},
    ),
    ("oci_list_referrers", "signature, SBOM", {"repository": "demo/signed", "reference": "1.0"}),
    ("oci_get_manifest", "4 platforms", {"repository": "demo/multi", "reference": "1.0"}),
    ("oci_get_manifest", "index of 3.5 MB", {"repository": "demo/big", "reference": "1.0"}),
    ("oci_list_repositories", "first page", {}),
    ("oci_check_registry", "an open registry", {}),
)


@dataclass(frozen=True, slots=True)
class Text:
    """Something whose tokens are counted.

    Attributes:
        table: which table it belongs to.
        row: its row there.
        column: its column.
        text: itself.
    """

    table: str
    row: str
    column: str
    text: str


Counts = dict[str, dict[str, dict[str, dict[str, int]]]]  # table -> row -> column -> tokenizer or "bytes" -> count


def measure_tokens() -> dict[str, Any]:
    """Ask every tool, and count.

    Returns:
        "tables"; "all_images", what `get_details` and raw manifests of all seeded images cost; and "unasked" tools.

    Raises:
        WrongAnswer: a tool answered a question of ours with an error.
    """
    with RegistryProcess(0) as registry, Host(registry.host) as host:
        texts = [*_descriptions(host), *_answers(host), *_raw()]
        tables = _counted(texts)
        return {"tables": tables, "all_images": _all_images(host), "unasked": unasked(list(host.tools))}


def _descriptions(host: Host) -> Iterator[Text]:
    """What `tools/list` says of each tool, and of all of them."""
    tools = {name: tool for name, tool in sorted(host.tools.items()) if name.startswith("oci_")}
    shown = {name: _compact(_for_model(tool)) for name, tool in tools.items()}
    schemas = {name: _compact(tool.get("outputSchema", {})) for name, tool in tools.items()}
    for name in tools:
        yield Text("list", name, "model", shown[name])
        yield Text("list", name, "output", schemas[name])
    yield Text("list", "all", "model", "\n".join(shown.values()))
    yield Text("list", "all", "output", "\n".join(schemas.values()))


def _for_model(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: tool[name] for name in ("name", "description", "inputSchema") if name in tool}


def _answers(host: Host) -> Iterator[Text]:
    """The answers to our questions, as text and as structured content."""
    known = [question for question in QUESTIONS if question[0] in host.tools]
    calls = [(name, _at(host, name, arguments)) for name, _, arguments in known]
    for (name, title, _), result in zip(known, host.calls(calls), strict=True):
        if result.get("isError"):
            raise WrongAnswer(f"{name}, {title}: {json.dumps(result['content'])[:400]}")
        row = f"{name}: {title}"
        yield Text("answers", row, "text", text_of(result))
        yield Text("answers", row, "structured", _compact(result.get("structuredContent", {})))


def unasked(host_tools: list[str]) -> list[str]:
    """Tools that no question of ours is about."""
    asked = {name for name, *_ in QUESTIONS}
    return [name for name in host_tools if name.startswith("oci_") and name not in asked]


def _at(host: Host, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with our registry in them: in front of each of several images, or as an argument of its own."""
    if "images" in arguments:
        return arguments | {"images": [f"{host.registry}/{image}" for image in arguments["images"]]}
    takes = host.tools[name]["inputSchema"].get("properties", {})
    return arguments | ({"registry": host.registry} if "registry" in takes else {})


def text_of(result: dict[str, Any]) -> str:
    """The text blocks of a result: what most clients hand to the model."""
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")


def _raw() -> Iterator[Text]:
    """What a tool without any of our care would hand on: documents as the registry has them."""
    seeds = {repository.name: repository for repository in seed_data()}
    many = sorted(tag for item in seeds["demo/manytags"].items for tag in item.tags)
    labels = max(seeds["demo/labels"].blobs, key=len)
    rows = {
        "list of 1200 tags as JSON": json.dumps(many),
        "index of 4 platforms, 2 attestations": _tagged(seeds["demo/multi"]),
        "index of 3.5 MB": _tagged(seeds["demo/big"]),
        "manifest of demo/single": _tagged(seeds["demo/single"]),
        "manifest of demo/labels": _tagged(seeds["demo/labels"]),
        "config of demo/labels": labels.decode(errors="replace"),
    }
    for row, text in rows.items():
        yield Text("raw", row, "text", text)


def _tagged(repository: Repository) -> str:
    """The manifest that our questions are about."""
    return next(item.body.decode() for item in repository.items if "1.0" in item.tags)


def _all_images(host: Host) -> dict[str, dict[str, float]]:
    """`get_details` of one tag of every seeded repository, beside its raw manifest: medians and largest."""
    texts = []
    for repository in seed_data(parallel=1):
        item = next((item for item in reversed(repository.items) if item.tags), None)
        if item is None or repository.deleted:
            continue
        arguments = {"registry": host.registry, "repository": repository.name, "reference": item.tags[0]}
        [result] = host.calls([(DETAILS, arguments)])
        if result.get("isError"):
            raise WrongAnswer(f"{DETAILS} {repository.name}: {text_of(result)[:400]}")
        texts.append(Text("all", repository.name, "text", text_of(result)))
        texts.append(Text("all", repository.name, "raw", item.body.decode()))
    rows = _counted(texts)["all"].values()
    kinds = {column: [row[column]["o200k_base"] for row in rows] for column in ("text", "raw")}
    return {
        column: {"images": len(counts), "median": statistics.median(counts), "most": max(counts)}
        for column, counts in kinds.items()
    }


def _counted(texts: list[Text]) -> Counts:
    """Count all texts in the tokenizer's own environment."""
    command = [PYTHON, str(HERE / "count_tokens.py")]
    given = json.dumps([text.text for text in texts])
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"count_tokens.py: {done.stderr.strip()[-500:]}")
    found: dict[str, list[int]] = json.loads(done.stdout)
    tables: Counts = {}
    for number, text in enumerate(texts):
        counts = {name: counts[number] for name, counts in found.items()} | {"bytes": len(text.text.encode())}
        tables.setdefault(text.table, {}).setdefault(text.row, {})[text.column] = counts
    return tables


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
