"""How the simulated service behaves where the real one is not known, and what goes wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fuseboard_cloudru.simulator.faults import Fault

UpdateAnswer = Literal["operation", "registry"]
QuarantineRoute = Literal["patch", "own", "put_own"]


@dataclass(frozen=True)
class Switches:
    """The behaviour of the simulator.

    Attributes:
        omit_defaults: leave fields out that have their default value, as protobuf's JSON may.
        int_enums: write enums as numbers.
        null_lists: write an empty list as null.
        opaque_ids: give operations ids with `/` and `?` in them instead of UUIDs.
        nested_errors: wrap an error as `{"error": {...}}`.
        missing_window: seconds for which a new registry and its operation answer 404.
        operation_seconds: seconds that an operation takes; with 0 it is done when it is read next.
        activation_seconds: seconds for which a registry stays CREATING after its operation is done.
        failing_operations: every operation ends with an error; a registry that was to be created has the status ERROR.
        update_answers: whether an update answers with an operation, or with the registry as it is then.
        quarantine_route: which route takes a quarantine mode: the registry's own PATCH, PATCH `.../quarantine` or
            PUT `.../quarantine`. The other two answer 404 or 405.
        legacy_routes: whether the routes of 2025, `/v1/projects/...`, exist.
        method_status: the answer to a method that a route does not have; gateways of gRPC answer 501.
        token_seconds: seconds that a token lives.
        page_size_max: the longest page. A longer one may be asked for and is cut.
        faults: what goes wrong.
    """

    omit_defaults: bool = True
    int_enums: bool = False
    null_lists: bool = False
    opaque_ids: bool = False
    nested_errors: bool = False
    missing_window: float = 0.0
    operation_seconds: float = 0.0
    activation_seconds: float = 0.0
    failing_operations: bool = False
    update_answers: UpdateAnswer = "operation"
    quarantine_route: QuarantineRoute = "patch"
    legacy_routes: bool = False
    method_status: Literal[405, 501] = 405
    token_seconds: int = 3600
    page_size_max: int = 100
    faults: tuple[Fault, ...] = ()
