"""The pages of the command line and of the settings are written from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fuseboard.cli.reference import pages
from fuseboard.settings import HostSettings

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.parametrize("name", ["command-line.md", "settings.md"])
def test_a_written_page_is_up_to_date(name: str) -> None:
    """If not: `python -m fuseboard.cli.reference docs`."""
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name]


def test_the_example_of_the_settings_page_is_valid() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", pages()["settings.md"], re.DOTALL)
    assert HostSettings.model_validate(yaml.safe_load(example)).fuse("oci").required
