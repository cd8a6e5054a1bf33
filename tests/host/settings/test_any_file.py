"""Whatever stands in the file, the answer is settings or a SettingsError of at most four lines."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuseboard.errors import SettingsError
from fuseboard.settings import HostSettings, load_settings

NAMES = st.sampled_from([*HostSettings.model_fields, "port", "allow", "oci", "max_calls", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.integers(), inner, max_size=3),
    max_leaves=10,
)


def answer(folder: Path, text: str) -> None:
    file = folder / "any.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    said = ""
    try:
        load_settings(config=file)
    except SettingsError as error:
        said = str(error)
    assert len(said.splitlines()) <= 4


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example("a: &a [*a]")
@example("? [a]\n: b")
@example("<<: 1")
@example("plugins: {? {a: 1} : 2}")
@example("a: !!binary x")
@example("plugins: {a: {b: &x [1], c: *x}}")
@example("--- a\n--- b")
@example("http: {<<: {port: 1}}")
@example("fuses: {'': {}}")
@example("plugins: {a: !!timestamp 2026-99-99}")
def test_any_text_is_answered(tmp_path: Path, text: str) -> None:
    answer(tmp_path, text)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_tree_of_values_is_answered(tmp_path: Path, tree: dict[str, object]) -> None:
    answer(tmp_path, yaml.safe_dump(tree))
