"""`fuseboard plugins` tells the state of every plugin, whatever that plugin does."""

from __future__ import annotations

from tests.host.cli.running import Cli
from tests.host.discovery.toys import GREETER, install

HOOK = "from fuseboard import hookimpl\n"
BROKEN = {
    "raises": "raise RuntimeError('secret text')",
    "exits": "import sys; sys.exit(3)",
    "hangs": "import threading; threading.Event().wait()",
    "misspelt": HOOK + "@hookimpl\ndef register_tool(register): ...",
    "empty": "",
    "bad_start": HOOK + "@hookimpl\ndef lifespan(board): raise OSError(2, 'no such socket')",
    "missing": "import a_module_that_nobody_has",
}


def test_every_state_is_shown_and_the_command_never_fails(cli: Cli) -> None:
    for name, source in BROKEN.items():
        install(cli.site, name, source)
    install(cli.site, "hello", "print('noise at import')\n" + GREETER)
    install(cli.site, "old", requires=["mcp<2"])
    install(cli.site, "twice", distribution="first")
    install(cli.site, "twice", distribution="second")
    (install(cli.site, "garbled") / "METADATA").write_bytes(b"\xff")
    ran = cli("plugins", "--json", "-p", "no:empty", FUSEBOARD_FUSES__HANGS__IMPORT_TIMEOUT="1")
    assert ran.code == 0, ran.err
    rows = {row["name"]: row for row in ran.json["plugins"]}
    states = {name: (row["state"], row["stage"]) for name, row in rows.items()}
    assert (
        states.items()
        >= {
            "hello": ("active", ""),
            "raises": ("failed", "import"),
            "exits": ("failed", "import"),
            "hangs": ("failed", "import"),
            "missing": ("failed", "import"),
            "misspelt": ("failed", "registration"),
            "bad_start": ("failed", "start"),
            "empty": ("blocked", "metadata"),
            "old": ("incompatible", "metadata"),
            "garbled": ("incompatible", "metadata"),
            "twice": ("conflicted", "metadata"),
        }.items()
    )
    assert "did not end within 1 s" in rows["hangs"]["reason"]
    assert "did you mean register_tools?" in rows["misspelt"]["reason"]
    assert "a_module_that_nobody_has" in rows["missing"]["reason"]
    assert "secret text" not in ran.out + ran.err
    hello = rows["hello"]
    assert (hello["version"], hello["contributes"]["tools"]) == ("1.0", 1)
    assert hello["tokens"] > 0
    assert hello["import_ms"] > 0
    assert hello["noise"] == {"lines": 1, "last": ["noise at import"]}


def test_the_table_is_aligned_and_has_the_reason_at_the_end(cli: Cli) -> None:
    install(cli.site, "hello")
    install(cli.site, "broken", "import a_module_that_nobody_has", version="2.0")
    ran = cli("plugins", FUSEBOARD_BLOCK_PLUGINS="cloudru,docker_mcp,oci,gone")
    assert ran.code == 0
    heads, *rows = ran.out.splitlines()
    [broken] = [row for row in rows if row.startswith("broken")]
    [hello] = [row for row in rows if row.startswith("hello")]
    for head, cell in (("VERSION", "2.0"), ("STATE", "failed"), ("STAGE", "import"), ("REASON", "ModuleNotFoundError")):
        assert broken.index(cell) == heads.index(head)
    assert "1 tool" in hello
    assert "block_plugins names gone, which is not installed" in ran.err
    assert "Traceback" not in ran.err


def test_without_plugins_it_says_how_to_get_one(cli: Cli) -> None:
    ran = cli("plugins", PYTHONNOUSERSITE="1")
    assert ran.code == 0
    assert "PLUGIN" in ran.out or "no plugin is installed" in ran.out


def test_a_plugin_that_leaves_a_thread_behind_does_not_keep_the_process(cli: Cli) -> None:
    """Python waits for such a thread at the end, for ever."""
    source = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    install(cli.site, "sticky", source + GREETER)
    assert cli("plugins").code == 0


def test_a_plugin_that_does_not_stop_is_left_behind(cli: Cli) -> None:
    source = """
        import threading
        from contextlib import asynccontextmanager
        from fuseboard import hookimpl

        @hookimpl
        @asynccontextmanager
        async def lifespan(board):
            yield
            threading.Event().wait()
        """
    install(cli.site, "stubborn", source)
    ran = cli("plugins", "--json", FUSEBOARD_FUSES__STUBBORN__STOP_TIMEOUT="0.2")
    assert ran.code == 0
    assert any(row["name"] == "stubborn" and row["state"] == "active" for row in ran.json["plugins"])


def test_the_exit_code_is_that_of_the_command_also_where_the_process_has_to_be_ended_by_force(cli: Cli) -> None:
    """One plugin is abandoned, and another has given asyncio a thread that it waits for at the end."""
    source = """
        import asyncio, threading
        from contextlib import asynccontextmanager
        from fuseboard import hookimpl

        @hookimpl
        @asynccontextmanager
        async def lifespan(board):
            {before}
            yield
            {after}
        """
    waiting = "asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)"
    install(cli.site, "stubborn", source.format(before="", after="threading.Event().wait()"))
    install(cli.site, "waiting", source.format(before=waiting, after=""))
    ran = cli("plugins", FUSEBOARD_FUSES__STUBBORN__STOP_TIMEOUT="0.2", FUSEBOARD_FUSES__WAITING__LOOP="shared")
    assert (ran.code, "stubborn" in ran.out, "waiting" in ran.out) == (0, True, True), ran.err
