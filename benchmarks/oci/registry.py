"""A registry in a process of its own: `python registry.py 0.04`, the seconds that it waits before each answer.

The first line that it prints is its host; then each line that it reads is answered with the number of requests since
the last one. It ends with its standard input.
"""

from __future__ import annotations

import sys

from images import build

from fuseboard_oci.testing import InMemoryRegistry, seed_data


def main() -> None:
    """Serve and count."""
    with InMemoryRegistry(delay=float(sys.argv[1])) as registry:
        registry.seed([*build(), *seed_data()])
        print(registry.host, flush=True)
        for _ in sys.stdin:
            print(len(registry.log), flush=True)
            registry.log.clear()


if __name__ == "__main__":
    main()
