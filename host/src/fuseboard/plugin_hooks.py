"""The hooks of one plugin: a plugin manager of its own, checked, and called one by one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pluggy

from fuseboard import hookspecs
from fuseboard.contributions.registrars import (
    Contributions,
    HealthRegistrar,
    PromptRegistrar,
    ResourceRegistrar,
    ToolRegistrar,
)
from fuseboard.contributions.sdk_server import check_server
from fuseboard.errors import InvalidResult, RegistrationError
from fuseboard.middleware import CallMiddleware
from fuseboard.reasons import reason_of
from fuseboard.strict_json import encode

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from fuseboard.board import Board

PROJECT = "fuseboard"
LONGEST_INSTRUCTIONS = 2000
HOOKS = tuple(name for name, member in vars(hookspecs).items() if hasattr(member, f"{PROJECT}_spec"))


@dataclass(slots=True)
class Registration:
    """All that a plugin's hooks returned and registered."""

    contributions: Contributions = field(default_factory=Contributions)
    instructions: str = ""
    middleware: Sequence[CallMiddleware] = ()
    routes: Sequence[BaseRoute] = ()
    sdk_server: Any = None


class PluginHooks:
    """The hooks that one plugin implements. Used on the plugin's circuit only.

    Args:
        name: the plugin's name.
        plugin: the module or object behind the entry point.

    Raises:
        RegistrationError: it has no hook, a misspelt hook, an unknown argument or an argument with a default.
    """

    def __init__(self, name: str, plugin: object) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        implemented = _implementations(plugin)
        if not implemented:
            raise RegistrationError(
                f"{_label(plugin)} has no hook: decorate its functions with @fuseboard.hookimpl ({', '.join(HOOKS)})"
            )
        _check(implemented)
        try:
            self._manager.register(plugin, name)
        except pluggy.PluginValidationError as error:
            raise RegistrationError(" ".join(str(error).split())) from None
        self.hook = self._manager.hook

    def settings_class(self) -> Any:
        """What the hook `settings` returned; None without one."""
        return self._call("settings")

    def register(self, settings: Any, board: Board) -> Registration:
        """Call every hook that registers or returns something at load time, in the order of `hookspecs`.

        Raises:
            RegistrationError: one of them is wrong, with its name; nothing of the plugin is kept.
        """
        into = Contributions()
        self._call("register_tools", register=ToolRegistrar(into), settings=settings)
        self._call("register_prompts", register=PromptRegistrar(into), settings=settings)
        self._call("register_resources", register=ResourceRegistrar(into), settings=settings)
        self._call("register_health_checks", register=HealthRegistrar(into), settings=settings)
        text = self._call("instructions", settings=settings)
        if text is not None and not isinstance(text, str):
            raise RegistrationError(f"hook instructions must return a text, not {type(text).__name__}")
        _check_text(text or "")
        server = self._call("mcp_server", settings=settings)
        check_server(server)
        return Registration(
            contributions=into,
            instructions=(text or "").strip(),
            middleware=self._listed("call_middleware", callable, settings=settings),
            routes=self._listed("http_routes", _is_route, board=board, settings=settings),
            sdk_server=server,
        )

    def _call(self, name: str, **arguments: Any) -> Any:
        """Call one hook; whatever goes wrong in it is told with its name."""
        try:
            return getattr(self.hook, name)(**arguments)
        except RegistrationError as error:
            raise RegistrationError(f"hook {name}: {error}") from None
        except BaseException as error:
            raise RegistrationError(f"hook {name}: {reason_of(error)}") from error

    def _listed(self, name: str, fits: Callable[[Any], bool], **arguments: Any) -> list[Any]:
        try:
            items = [item for result in self._call(name, **arguments) for item in result]
        except TypeError:
            raise RegistrationError(f"hook {name} must return a list") from None
        for item in items:
            if not fits(item):
                raise RegistrationError(f"hook {name} must not return {type(item).__name__}: see its documentation")
        return items

    def lifespan(self, settings: Any, board: Board) -> AbstractAsyncContextManager[object] | None:
        """What the hook `lifespan` returned; None without one.

        Raises:
            RegistrationError: it is no async context manager.
        """
        manager = self._call("lifespan", board=board, settings=settings)
        if manager is not None and not hasattr(manager, "__aenter__"):
            raise RegistrationError("hook lifespan must return an async context manager: add @asynccontextmanager")
        kept: AbstractAsyncContextManager[object] | None = manager
        return kept

    def register_commands(self, group: Any) -> None:
        """Let the plugin add its commands to a click group."""
        self.hook.register_commands(cli=group)


def _check_text(text: str) -> None:
    if len(text) > LONGEST_INSTRUCTIONS:
        raise RegistrationError(f"hook instructions: {len(text)} characters; at most {LONGEST_INSTRUCTIONS} are sent")
    try:
        encode(text, "hook instructions")
    except InvalidResult as error:
        raise RegistrationError(str(error)) from None


def _implementations(plugin: object) -> dict[str, Any]:
    found = {}
    for name in dir(plugin):
        try:
            member = getattr(plugin, name, None)
        except Exception:
            continue  # a property of a plugin object that raises is no hook
        if isinstance(getattr(member, f"{PROJECT}_impl", None), dict):
            found[name] = member
    return found


def _check(implemented: dict[str, Any]) -> None:
    for name, function in implemented.items():
        if name not in HOOKS:
            near = get_close_matches(name, HOOKS, n=1)
            advice = f"did you mean {near[0]}?" if near else f"hooks are: {', '.join(HOOKS)}"
            raise RegistrationError(f"unknown hook {name}: {advice}")
        if name != "lifespan" and (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
            raise RegistrationError(f"hook {name} must not be async: what needs await is returned, not done in it")
        known = set(inspect.signature(getattr(hookspecs, name)).parameters)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name == "self":
                continue
            if parameter.name not in known:
                takes = ", ".join(sorted(known)) or "none"
                raise RegistrationError(f"hook {name} has no argument {parameter.name!r} (it can take: {takes})")
            if parameter.default is not parameter.empty:
                raise RegistrationError(f"hook {name}: argument {parameter.name} has a default, which is never used")


def _is_route(item: Any) -> bool:
    from starlette.routing import BaseRoute

    return isinstance(item, BaseRoute)


def _label(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))
