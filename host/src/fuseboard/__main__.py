"""`fuseboard` and `python -m fuseboard`."""

from __future__ import annotations


def main() -> None:
    """Take the wire before anything else is imported, then run the command line."""
    from fuseboard.transports.stdout_guard import claim_wire

    wire = claim_wire()

    from fuseboard.cli.root import run

    run(wire)


if __name__ == "__main__":
    main()
