"""What the host itself contributes, written as a plugin: the tool `fuseboard_status` and `fuseboard://plugins`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fuseboard.context import Context
from fuseboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from fuseboard.contributions.registrars import ResourceRegistrar, ToolRegistrar
    from fuseboard.host import Host


class HousePlugin:
    """The plugin object. It is the only one that gets the host itself."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        """The hook."""
        register(self.status, title="State of the plugins", read_only=True, idempotent=True, open_world=False)

    @hookimpl
    def register_resources(self, register: ResourceRegistrar) -> None:
        """The hook."""
        register(
            "fuseboard://plugins",
            self.plugins,
            title="Plugins",
            description="The state and the health of every plugin, as JSON.",
            mime_type="application/json",
        )

    async def status(self, ctx: Context[None]) -> str:
        """Return which plugins work, which do not, and why. Call it when a tool fails or is missing."""
        lines = []
        for plugin in (await self.plugins(ctx))["plugins"]:
            why = f" at {plugin['stage']}: {plugin['reason']}" if plugin["reason"] else ""
            lines.append(f"{plugin['name']}: {plugin['state']}{why}")
            ill = [check for check in plugin["health"] if not check["ok"]]
            lines += [f"  {check['name']}: {check['message']}" for check in ill]
            lines += [f"  {text}" for text in plugin["not_served"]]
        return "\n".join(lines) or "no plugin is installed"

    async def plugins(self, ctx: Context[None]) -> dict[str, Any]:
        """Every row of the ledger with the results of the plugin's health checks."""
        health = await self._host.health()
        plugins = []
        for row in self._host.known_rows(ctx.caller.roles):
            checks = [asdict(result) for result in health.get(row.name, [])]
            for check in checks:
                del check["plugin"]
            plugins.append(row.as_json() | {"health": checks})
        return {"plugins": plugins}
