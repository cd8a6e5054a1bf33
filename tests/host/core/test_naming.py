"""Prefixes and the namespaces of what is added at run time."""

from __future__ import annotations

import pytest

from fuseboard.errors import RegistrationError
from fuseboard.naming import check_namespace, prefix_of

PLUGINS = ("docker_mcp", "oci")


def test_the_prefix_is_the_plugins_name_unless_the_operator_says_otherwise() -> None:
    assert prefix_of("oci", None) == "oci_"
    assert prefix_of("oci", "registry-") == "registry-"
    assert prefix_of("oci", "") == ""


@pytest.mark.parametrize("namespace", ["", "docker_mcp", "github", "My-Server_2", "7zip"])
def test_a_namespace_is_the_plugins_own_or_a_name_that_nobody_has(namespace: str) -> None:
    check_namespace(namespace, "docker_mcp", PLUGINS)


@pytest.mark.parametrize("namespace", ["oci", "fuseboard"])
def test_a_namespace_that_is_another_plugins_name_is_refused(namespace: str) -> None:
    with pytest.raises(RegistrationError, match=f"namespace '{namespace}' is the name of a plugin"):
        check_namespace(namespace, "docker_mcp", PLUGINS)


@pytest.mark.parametrize("namespace", ["with space", "-x", "_x", "naïve", "x" * 42, "a.b", "x\n"])
def test_a_namespace_that_would_make_illegal_names_is_refused(namespace: str) -> None:
    with pytest.raises(RegistrationError, match="is not legal"):
        check_namespace(namespace, "docker_mcp", PLUGINS)
