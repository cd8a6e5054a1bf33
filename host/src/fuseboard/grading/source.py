"""What can be read in the source of async functions without calling them: blocking calls, and cancels that are lost."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject

BLOCKING = frozenset(
    {
        "input",
        "open",
        "time.sleep",
        "os.system",
        "os.waitpid",
        "socket.create_connection",
        "socket.getaddrinfo",
        "urllib.request.urlopen",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "requests.get",
        "requests.post",
        "requests.put",
        "requests.patch",
        "requests.delete",
        "requests.head",
        "requests.request",
        "httpx.get",
        "httpx.post",
        "httpx.put",
        "httpx.patch",
        "httpx.delete",
        "httpx.request",
    }
)
SWALLOWS = frozenset({"BaseException", "CancelledError", "asyncio.CancelledError"})


def findings(subject: Subject) -> Iterator[Finding]:
    """Function by function: tools, prompts, resources, health checks."""
    functions: list[tuple[str, Callable[..., Any]]] = [
        *((place, item.function) for place, item in subject.named()),
        *((f"resource {resource.uri}", resource.function) for resource in subject.resources),
        *((f"health check {check.name}", check.function) for check in subject.health_checks),
    ]
    for place, function in functions:
        yield from _of(place, function)


def _of(place: str, function: Callable[..., Any]) -> Iterator[Finding]:
    if not inspect.iscoroutinefunction(function):
        return
    try:
        tree = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return  # without its source there is nothing to read
    for node in _own_nodes(tree.body[0]):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in BLOCKING:
            text = f"it is async and calls {name}(), which holds up every other call of the plugin"
            yield warning("blocking-call", place, text, "await an async function, or anyio.to_thread.run_sync(...)")
        if isinstance(node, ast.ExceptHandler) and _catches_cancel(node) and not _raises(node):
            text = f"it catches {ast.unparse(node.type) if node.type else 'everything'} and does not raise it again"
            yield warning(
                "cancel-swallowed", place, text, "catch Exception, or end with raise: a cancel must get through"
            )


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run as part of the function, without functions inside it: those may run in a thread."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from _own_nodes(node)


def _catches_cancel(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(kind) in SWALLOWS for kind in kinds)


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for part in handler.body for node in (part, *_own_nodes(part)))
