"""The logins of docker and Podman on this machine: in their files, or with the helpers that the files name."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

import anyio
from anyio import to_thread

from fuseboard_oci.login.credential_helper import TIME_LIMIT, CredentialHelpers
from fuseboard_oci.login.docker_files import DockerFile, read_files, server_of
from fuseboard_oci.login.found import Found
from fuseboard_oci.reference import DOCKER_HUB

logger = logging.getLogger(__name__)

Clock = Callable[[], float]

# A look at the files costs a change to a thread and back, which a burst of requests must not pay for each of them; and
# nobody notices that a new `docker login` counts only a second later.
_LOOK_AGAIN = 1.0
_MAX_PROBLEMS = 64


class DockerCredentials:
    """Finds credentials where docker and Podman keep them. Nothing is read before the first question.

    Args:
        use_helpers: whether the helpers that a file names may be run.
        environ: the environment, which says where the files are.
        clock: seconds, for how long something is remembered.
        helper_seconds: how long a helper may take.
    """

    def __init__(
        self,
        *,
        use_helpers: bool,
        environ: Mapping[str, str],
        clock: Clock = time.monotonic,
        helper_seconds: float = TIME_LIMIT,
    ) -> None:
        self._environ = dict(environ)
        self._clock = clock
        self._helpers = CredentialHelpers(self._environ, clock, time_limit=helper_seconds) if use_helpers else None
        self._lock = anyio.Lock()
        self._files: tuple[DockerFile, ...] = ()
        self._looked_at: float | None = None
        self._failed: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files as last read, and with the last answers of helpers. Never a word of a file."""
        return [problem for file in self._files for problem in file.problems] + list(self._failed.values())

    async def find(self, registry: str, repository: str) -> Found | None:
        """Return the credentials for a repository, those of the first file that has any; None when none has.

        Args:
            registry: as `reference.parse_registry` gives it.
            repository: the whole name; on Docker Hub with its `library/`.
        """
        await self.refresh()
        problem = None
        found = None
        for file in self._files:
            found, trouble = await self._in_file(file, registry, repository)
            problem = problem or trouble
            if found is not None:
                break
        self._note(registry, None if found else problem)
        return found

    async def refresh(self) -> None:
        """Read the files that have changed, when the last look at them is more than a second ago."""
        async with self._lock:
            now = self._clock()
            if self._looked_at is not None and now - self._looked_at < _LOOK_AGAIN:
                return
            # A disk that hangs must hold up neither the deadline of a call nor the stop of the plugin.
            read = partial(read_files, self._environ, self._files)
            known = {problem for file in self._files for problem in file.problems}
            self._files = await to_thread.run_sync(read, abandon_on_cancel=True)
            self._looked_at = now
            for file in self._files:
                for problem in file.problems:
                    if problem not in known:
                        logger.warning("%s", problem)

    async def _in_file(self, file: DockerFile, registry: str, repository: str) -> tuple[Found | None, str | None]:
        problem = None
        if self._helpers is not None:
            for name in file.helpers_of(registry):
                answer = await self._helpers.ask(name, server_of(registry))
                if answer.found is not None:
                    return answer.found, None
                problem = problem or answer.problem
        found = file.login(registry, repository)
        if found is None and self._helpers is None and file.leaves_to_a_helper(registry, repository):
            problem = "its secret is in a credential helper, which setting credential_helpers allows"
        return found, problem

    def _note(self, registry: str, problem: str | None) -> None:
        self._failed.pop(registry, None)
        if problem is None:
            return
        name = "docker.io" if registry == DOCKER_HUB else registry
        self._failed[registry] = f"{name}: {problem}"
        while len(self._failed) > _MAX_PROBLEMS:
            self._failed.pop(next(iter(self._failed)))
