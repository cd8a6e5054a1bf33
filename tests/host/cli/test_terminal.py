"""At a terminal: progress on standard error, questions that are answered, and no control characters."""

from __future__ import annotations

import codecs
import os
import pty
import select
import subprocess
from time import monotonic

from tests.host.cli.running import COMMAND, LONGEST_RUN, Cli
from tests.host.discovery.toys import install

ASKING = '''
from fuseboard import Context, hookimpl

SCHEMA = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "description": "how many"},
        "sure": {"type": "boolean"},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "blue"},
    },
    "required": ["count", "sure"],
}

@hookimpl
def register_tools(register):
    register(ask)

async def ask(ctx: Context) -> str:
    """Ask."""
    await ctx.report_progress(1, 2, "half way")
    answer = await ctx.elicit("May I \\x1b[31m?", SCHEMA)
    return f"{answer.action} {answer.content} \\x1b[31m"
'''


class Terminal:
    """A process that believes to be at a terminal."""

    def __init__(self, cli: Cli, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *words], cwd=cli.home, env=cli.environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def until(self, text: str) -> None:
        """Read what is shown until a text appears."""
        self._read(lambda: text in self.seen)
        assert text in self.seen, self.seen

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """Read the rest and wait for the end."""
        self._read(lambda: False)
        os.close(self._ours)
        return self.process.wait(LONGEST_RUN)

    def _read(self, enough: object) -> None:
        give_up = monotonic() + LONGEST_RUN
        while not enough() and monotonic() < give_up:  # type: ignore[operator]
            if not select.select([self._ours], [], [], 1)[0]:
                continue
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                return  # Linux's way of saying that the other end is closed
            if not data:
                return
            self.seen += self._decoder.decode(data)


def test_a_question_is_asked_until_the_answers_fit(cli: Cli) -> None:
    install(cli.site, "toy", ASKING)
    terminal = Terminal(cli, "call", "toy_ask")
    terminal.until("May I  [31m?")
    assert "1/2 (50 %) half way" in terminal.seen
    terminal.until("count (how many): ")
    terminal.type("many\n")
    terminal.until("answer with a whole number")
    terminal.type("3\n")
    terminal.until("sure y|n: ")
    terminal.type("y\n")
    terminal.until("colour red|blue [blue]: ")
    terminal.type("\n")
    assert terminal.end() == 0
    assert "accept {'count': 3, 'sure': True, 'colour': 'blue'}  [31m" in terminal.seen


def test_the_end_of_input_cancels_a_question(cli: Cli) -> None:
    install(cli.site, "toy", ASKING)
    terminal = Terminal(cli, "call", "toy_ask")
    terminal.until("count (how many): ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert "cancel None" in terminal.seen


def test_plugins_that_take_long_are_named_while_they_load(cli: Cli) -> None:
    seen = cli.home / "seen"
    install(cli.site, "slow", f"import os, time\nwhile not os.path.exists({str(seen)!r}): time.sleep(0.01)")
    cli.variables["FUSEBOARD_FUSES__SLOW__IMPORT_TIMEOUT"] = str(LONGEST_RUN)
    terminal = Terminal(cli, "plugins")
    terminal.until("loading slow")
    seen.touch()
    assert terminal.end() == 0
