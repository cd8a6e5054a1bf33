"""The plugin that the replicas of these tests serve. It notes in a journal which process ran what."""

TOY = '''
import asyncio, os
from pathlib import Path
from pydantic import BaseModel
from fuseboard import Context, hookimpl

def note(text):
    with open(os.environ["TOY_JOURNAL"], "a") as journal:
        journal.write(f"{os.getpid()} {text}\\n")

class Sure(BaseModel):
    sure: bool

async def count(number: int) -> int:
    """Return the number that follows."""
    note(f"count {number}")
    await asyncio.sleep(0.002)
    return number + 1

async def hold(name: str) -> str:
    """Never return."""
    note(f"hold {name}")
    await asyncio.Event().wait()

async def ask(ctx: Context, name: str) -> str:
    """Ask the user."""
    note(f"ask {name}")
    answer = await ctx.elicit("Sure?", Sure)
    return f"{name}: {answer.action}"

async def tell(ctx: Context, path: str) -> str:
    """Report progress, and return when a file is there."""
    await ctx.report_progress(1, 2, "half")
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return "done"

@hookimpl
def register_tools(register):
    for tool in (count, hold, ask, tell):
        register(tool)
'''
