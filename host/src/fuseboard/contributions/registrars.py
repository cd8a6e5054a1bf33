"""What the `register_*` hooks get: a function that takes one item with its options, bound to one plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fuseboard.contributions.health_check import Check, HealthCheck
from fuseboard.contributions.prompt import Completer, Prompt
from fuseboard.contributions.resource import Resource
from fuseboard.contributions.tool import Tool
from fuseboard.errors import RegistrationError


@dataclass(slots=True)
class Contributions:
    """All that one plugin registered, in the order of registration."""

    tools: list[Tool] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    health_checks: list[HealthCheck] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ToolRegistrar:
    """`register(function, **options)`; the options are those of `Tool.of`."""

    _into: Contributions

    def __call__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        aliases: Sequence[str] = (),
        read_only: bool | None = None,
        destructive: bool | None = None,
        idempotent: bool | None = None,
        open_world: bool | None = None,
        timeout: float | None = None,
        tags: Sequence[str] = (),
        meta: Mapping[str, Any] | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
    ) -> None:
        """Register a tool.

        Raises:
            RegistrationError: it cannot be served; the text says why.
        """
        tool = Tool.of(
            function,
            name=name,
            title=title,
            description=description,
            aliases=aliases,
            read_only=read_only,
            destructive=destructive,
            idempotent=idempotent,
            open_world=open_world,
            timeout=timeout,
            tags=tags,
            meta=meta,
            input_schema=input_schema,
            output_schema=output_schema,
        )
        _refuse_twice("tool", tool.name, (other.name for other in self._into.tools))
        self._into.tools.append(tool)


@dataclass(frozen=True, slots=True)
class PromptRegistrar:
    """`register(function, **options)`; the options are those of `Prompt.of`."""

    _into: Contributions

    def __call__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        aliases: Sequence[str] = (),
        complete: Mapping[str, Completer] | None = None,
    ) -> None:
        """Register a prompt.

        Raises:
            RegistrationError: it cannot be served; the text says why.
        """
        prompt = Prompt.of(
            function, name=name, title=title, description=description, aliases=aliases, complete=complete
        )
        _refuse_twice("prompt", prompt.name, (other.name for other in self._into.prompts))
        self._into.prompts.append(prompt)


@dataclass(frozen=True, slots=True)
class ResourceRegistrar:
    """`register(uri_or_template, function, **options)`; the options are those of `Resource.of`."""

    _into: Contributions

    def __call__(
        self,
        uri: str,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        complete: Mapping[str, Completer] | None = None,
    ) -> None:
        """Register a resource.

        Raises:
            RegistrationError: it cannot be served; the text says why.
        """
        resource = Resource.of(
            uri, function, name=name, title=title, description=description, mime_type=mime_type, complete=complete
        )
        _refuse_twice("resource", uri, (other.uri for other in self._into.resources))
        self._into.resources.append(resource)


@dataclass(frozen=True, slots=True)
class HealthRegistrar:
    """`register(async_function, name=..., timeout=2.0, critical=True)`."""

    _into: Contributions

    def __call__(
        self, function: Check, *, name: str | None = None, timeout: float = 2.0, critical: bool = True
    ) -> None:
        """Register a health check.

        Raises:
            RegistrationError: it cannot be served; the text says why.
        """
        check = HealthCheck.of(function, name=name, timeout=timeout, critical=critical)
        _refuse_twice("health check", check.name, (other.name for other in self._into.health_checks))
        self._into.health_checks.append(check)


def _refuse_twice(kind: str, name: str, known: Any) -> None:
    if name in known:
        raise RegistrationError(f"{kind} {name} is registered twice")
