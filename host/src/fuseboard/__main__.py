"""`fuseboard` and `python -m fuseboard`."""

from __future__ import annotations


def main() -> None:
    """Take the wire before anything else is imported, then run the command line."""
    from fuseboard.transports.stdout_guard import claim_wire

    wire = claim_wire()

    import gc

    # Loading makes objects and no garbage: the collector would only walk them again and again, a tenth of the start.
    # It is switched on when the plugins have settled, see `cli.session`.
    gc.disable()

    from fuseboard.cli.root import run

    run(wire)


if __name__ == "__main__":
    main()
