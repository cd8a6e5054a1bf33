"""`fuseboard cloudru simulate`: the simulated service in the foreground, with a switch for each of its behaviours."""

from __future__ import annotations

import ipaddress
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from fuseboard_cloudru.simulator import Fault, Store

_SECONDS = click.FloatRange(min=0, max=86_400)


@click.command(short_help="Serve a simulated Artifact Registry with its IAM.")
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", show_default=True, help="Listen on ADDRESS.")
@click.option(
    "--port",
    default=8099,
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    show_default=True,
    help="Listen on PORT; 0 takes a free one.",
)
@click.option("--insecure", is_flag=True, help="Allow an ADDRESS that other machines may reach.")
@click.option("--key-id", metavar="ID", help="Id of the access key; a random one when left out.")
@click.option("--secret", metavar="SECRET", help="Secret of the access key; a random one when left out.")
@click.option("--project-id", type=click.UUID, metavar="UUID", help="The project; a random one when left out.")
@click.option("--emit-defaults", is_flag=True, help="Write fields that have their default value.")
@click.option("--int-enums", is_flag=True, help="Write enums as numbers.")
@click.option("--null-lists", is_flag=True, help="Write an empty list as null.")
@click.option("--opaque-ids", is_flag=True, help="Give operations ids with / and ? in them.")
@click.option("--nested-errors", is_flag=True, help='Write errors as {"error": {...}}.')
@click.option("--missing-window", type=_SECONDS, default=0.0, help="Seconds of 404 after a create.")
@click.option("--operation-seconds", type=_SECONDS, default=1.0, show_default=True, help="Seconds an operation takes.")
@click.option("--activation-seconds", type=_SECONDS, default=0.0, help="Seconds from its operation's end to ACTIVE.")
@click.option("--failing-operations", is_flag=True, help="Let every operation fail.")
@click.option("--update-answers", type=click.Choice(["operation", "registry"]), default="operation", show_default=True)
@click.option("--quarantine-route", type=click.Choice(["patch", "own", "put_own"]), default="patch", show_default=True)
@click.option("--legacy-routes", is_flag=True, help="Serve the routes of 2025 as well.")
@click.option("--method-status", type=click.Choice(["405", "501"]), default="405", help="Answer to a wrong method.")
@click.option(
    "--token-seconds", type=click.IntRange(1, 86_400), default=3600, show_default=True, help="Life of a token."
)
@click.option("--page-size-max", type=click.IntRange(1, 1000), default=100, show_default=True, help="The longest page.")
@click.option(
    "--fault",
    "faults",
    type=(str, str),
    multiple=True,
    metavar="KIND PATTERN",
    help="Spoil every answer to paths like PATTERN, as in: --fault 503 'GET /v1/*'. KIND is a status or one of "
    "timeout, reset, cut, malformed, html, huge, slow. May be repeated.",
)
def simulate(
    host: str,
    port: int,
    insecure: bool,
    key_id: str | None,
    secret: str | None,
    project_id: UUID | None,
    **switches: Any,
) -> None:
    """Serve a simulated Artifact Registry with its IAM until SIGINT or SIGTERM.

    The lines that it prints are the environment that leads the plugin here.
    """
    from fuseboard_cloudru.simulator import Store

    _refuse_strangers(host, insecure)
    chosen = _switches(**switches)
    _serve(Store(chosen, key_id=key_id, secret=secret, project_id=str(project_id) if project_id else None), host, port)


def _switches(*, emit_defaults: bool, method_status: str, faults: tuple[tuple[str, str], ...], **same: Any) -> Any:
    from fuseboard_cloudru.simulator import Switches

    return Switches(
        omit_defaults=not emit_defaults,
        method_status=405 if method_status == "405" else 501,
        faults=tuple(_fault(kind, pattern) for kind, pattern in faults),
        **same,
    )


def _fault(kind: str, pattern: str) -> Fault:
    from fuseboard_cloudru.simulator import Fault

    given: Any = int(kind) if kind.isdecimal() else kind
    try:
        return Fault(pattern, given, times=None)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from error


def _refuse_strangers(host: str, insecure: bool) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback and not insecure:
        raise click.BadParameter(
            f"{host} is no loopback address: other machines may reach it (--insecure allows it)", param_hint="--host"
        )


def _serve(store: Store, host: str, port: int) -> None:
    from fuseboard_cloudru.simulator import Simulator

    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Simulator(store=store, host=host, port=port) as simulator:
            for name, value in simulator.environment().items():
                click.echo(f"{name}={value}")
            stopped.wait()
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
