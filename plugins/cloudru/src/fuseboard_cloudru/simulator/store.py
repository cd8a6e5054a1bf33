"""The state of the simulated service, without any HTTP: registries, operations and how time changes them."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from typing import Any

from fuseboard_cloudru.simulator.clock import Clock
from fuseboard_cloudru.simulator.records import Operation, Registry, RegistryStatus
from fuseboard_cloudru.simulator.refusal import Code, Refused, not_found
from fuseboard_cloudru.simulator.switches import Switches
from fuseboard_cloudru.simulator.tokens import Tokens


class Store:
    """One project and one access key to it. A test may use it beside the server: every method takes the lock.

    Args:
        switches: how the service behaves. They can be replaced at any time.
        clock: the time.
        key_id: the id of the access key; a new one when left out.
        secret: its secret; a new one when left out.
        project_id: the project; a new one when left out.

    Attributes:
        tokens: what the IAM gave out.
        lock: held while a request is answered.
    """

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        clock: Clock | None = None,
        key_id: str | None = None,
        secret: str | None = None,
        project_id: str | None = None,
    ) -> None:
        self.switches = switches or Switches()
        self.clock = clock or Clock()
        self.key_id = key_id or secrets.token_hex(16)
        self.secret = secret or secrets.token_hex(16)
        self.project_id = project_id or str(uuid.uuid4())
        self.tokens = Tokens(self.clock, str(uuid.uuid4()))
        self.lock = threading.RLock()
        self._registries: dict[str, Registry] = {}
        self._operations: dict[str, Operation] = {}
        self._runs: list[Operation] = []

    def registries(self) -> list[Registry]:
        """The registries that are found now, oldest first."""
        with self.lock:
            self._settle()
            return [registry for registry in self._registries.values() if registry.visible <= self.clock.now()]

    def registry(self, registry_id: str) -> Registry:
        """One registry.

        Raises:
            Refused: it does not exist, or is not found yet.
        """
        for registry in self.registries():
            if registry.id == registry_id:
                return registry
        raise not_found("registry", registry_id)

    def operations(self) -> list[Operation]:
        """The operations that are found now, newest first."""
        with self.lock:
            self._settle()
            found = [operation for operation in self._operations.values() if operation.visible <= self.clock.now()]
            return found[::-1]

    def operation(self, operation_id: str) -> Operation:
        """One operation.

        Raises:
            Refused: it does not exist, or is not found yet.
        """
        for operation in self.operations():
            if operation.id == operation_id:
                return operation
        raise not_found("operation", operation_id)

    def retention_runs(self, registry_id: str) -> list[Operation]:
        """The runs of a registry's retention policy, newest first."""
        with self.lock:
            return [run for run in reversed(self._runs) if run.resource_id == registry_id]

    def create(self, values: dict[str, Any]) -> Operation:
        """Begin to create a registry.

        Args:
            values: attributes of `Registry`.

        Raises:
            Refused: the name is taken.
        """
        with self.lock:
            self._settle()
            if any(registry.name == values["name"] for registry in self._registries.values()):
                raise Refused(Code.ALREADY_EXISTS, f"registry {values['name']} already exists")
            now = self.clock.now()
            visible = now + self.switches.missing_window
            registry = Registry(id=str(uuid.uuid4()), created=now, updated=now, visible=visible, **values)
            self._registries[registry.id] = registry
            return self._begin("CreateRegistry", registry, lambda moment: self._activate(registry, moment), visible)

    def update(self, registry: Registry, values: dict[str, Any]) -> Operation | Registry:
        """Begin to change a registry, or change it at once: that is a switch.

        Raises:
            Refused: the registry is being deleted.
        """
        with self.lock:
            if self.switches.update_answers == "registry":
                return self.update_at_once(registry, values)
            self._refuse_while_deleting(registry)
            return self._begin("UpdateRegistry", registry, lambda moment: _change(registry, values, moment))

    def update_at_once(self, registry: Registry, values: dict[str, Any]) -> Registry:
        """Change a registry without an operation.

        Raises:
            Refused: the registry is being deleted.
        """
        with self.lock:
            self._refuse_while_deleting(registry)
            _change(registry, values, self.clock.now())
            return registry

    def delete(self, registry: Registry) -> Operation:
        """Begin to delete a registry.

        Raises:
            Refused: it is being deleted already.
        """
        with self.lock:
            self._refuse_while_deleting(registry)
            return self._begin("DeleteRegistry", registry, lambda moment: self._forget(registry))

    def add(self, name: str, **values: Any) -> Registry:
        """Put a registry there that is ACTIVE, without an operation.

        Args:
            name: its name.
            values: more attributes of `Registry`.
        """
        with self.lock:
            now = self.clock.now()
            made: dict[str, Any] = {"id": str(uuid.uuid4()), "created": now, "updated": now}
            registry = Registry(**(made | {"name": name, "status": RegistryStatus.ACTIVE} | values))
            self._registries[registry.id] = registry
            return registry

    def run_retention(self, registry: Registry, error: dict[str, Any] | None = None) -> Operation:
        """Let the retention policy of a registry run, as the service does by itself once a day."""
        with self.lock:
            now = self.clock.now()
            run = Operation(
                id=self._new_operation_id(),
                resource_id=registry.id,
                resource_name=registry.name,
                description="RunRetentionPolicy",
                created=now,
                updated=now,
                due=now,
                visible=now,
                done=True,
                error=error,
            )
            self._runs.append(run)
            return run

    def _begin(
        self, description: str, registry: Registry, effect: Callable[[float], None], visible: float = 0.0
    ) -> Operation:
        now = self.clock.now()
        operation = Operation(
            id=self._new_operation_id(),
            resource_id=registry.id,
            resource_name=registry.name,
            description=description,
            created=now,
            updated=now,
            due=now + self.switches.operation_seconds,
            visible=visible,
            effect=effect,
        )
        self._operations[operation.id] = operation
        return operation

    def _settle(self) -> None:
        """Let everything happen whose time has come."""
        now = self.clock.now()
        for operation in self._operations.values():
            if not operation.done and operation.due <= now:
                self._finish(operation)
        for registry in self._registries.values():
            if registry.active is not None and registry.active <= now:
                registry.status, registry.updated, registry.active = RegistryStatus.ACTIVE, registry.active, None

    def _finish(self, operation: Operation) -> None:
        operation.done, operation.updated = True, operation.due
        if not self.switches.failing_operations:
            if operation.effect is not None:
                operation.effect(operation.due)
            return
        failure = Refused(Code.INTERNAL, f"{operation.description} of {operation.resource_name} failed")
        operation.error = failure.as_message()
        registry = self._registries.get(operation.resource_id)
        if registry is not None and registry.status is RegistryStatus.CREATING:
            registry.status, registry.updated = RegistryStatus.ERROR, operation.due

    def _activate(self, registry: Registry, moment: float) -> None:
        registry.active = moment + self.switches.activation_seconds

    def _forget(self, registry: Registry) -> None:
        self._registries.pop(registry.id, None)

    def _refuse_while_deleting(self, registry: Registry) -> None:
        for operation in self._operations.values():
            if (
                operation.resource_id == registry.id
                and operation.description == "DeleteRegistry"
                and not operation.done
            ):
                raise Refused(Code.FAILED_PRECONDITION, f"registry {registry.name} is being deleted")

    def _new_operation_id(self) -> str:
        made = str(uuid.uuid4())
        return f"ar/{made}?step=1&of=2" if self.switches.opaque_ids else made


def _change(registry: Registry, values: dict[str, Any], moment: float) -> None:
    for name, value in values.items():
        setattr(registry, name, value)
    registry.updated = moment
