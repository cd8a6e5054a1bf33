"""The pytest plugin of fuseboard (entry point `pytest11`): the fixture `plugin_host`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fuseboard.testing import PluginHost


@pytest.fixture
def plugin_host() -> type[PluginHost]:
    """`fuseboard.testing.PluginHost`: `async with plugin_host(my_plugin, name="hello") as host: ...`."""
    from fuseboard.testing import PluginHost  # imported on use: pytest starts in projects that only have it installed

    return PluginHost
