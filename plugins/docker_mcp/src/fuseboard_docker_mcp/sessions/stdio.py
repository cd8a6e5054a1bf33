"""A server's process as a transport of the SDK."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import anyio.abc
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter

from fuseboard_docker_mcp.sessions.process import LAST_READS, MessageTooLong, Process

logger = logging.getLogger(__name__)

ANSWER_START = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,')
ANSWER_END = re.compile(rb',\s*"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


@asynccontextmanager
async def stdio_transport(process: Process) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a process; leaving it ends the process with its group.

    Yields:
        What `mcp.Client` takes: a stream of messages from the server, and one of messages to it.

    Raises:
        MessageTooLong: inside a group, when the server wrote a longer line than it may.
    """
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    ended = anyio.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_receive, process, incoming, ended, tasks)
            tasks.start_soon(_send, process, outgoing, ended)
            tasks.start_soon(process.drain)
            yield read, write
            tasks.cancel_scope.cancel()
    finally:
        for stream in (incoming, read, write, outgoing):
            stream.close()
        await process.stop(by_itself=ended.is_set())


async def _receive(process: Process, incoming: Any, ended: anyio.Event, tasks: anyio.abc.TaskGroup) -> None:
    async with incoming:
        try:
            with anyio.CancelScope() as reading:
                tasks.start_soon(_stop_reading, process, reading)
                async with aclosing(process.lines()) as lines:
                    async for line in lines:
                        if (message := _message(process, line)) is not None:
                            await incoming.send(message)
        except MessageTooLong:
            process.tail.add(b"\nwrote a message that is longer than proxy.message_bytes allows\n")
            process.terminate()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the session is over
        finally:
            ended.set()


def _message(process: Process, line: bytes) -> SessionMessage | None:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        if line.strip():
            process.noise += 1
            process.tail.add(line[:1000] + b"\n")
    # A broken answer is an answer: who waits for it must not wait until the time is over.
    found = ANSWER_START.match(line) or ANSWER_END.search(line[-100:])
    if found is None or b'"method"' in line[:500]:
        return None
    broken = ErrorData(code=PARSE_ERROR, message="the answer is no message of the protocol")
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=int(found[1]), error=broken))


async def _stop_reading(process: Process, reading: anyio.CancelScope) -> None:
    """End the reading soon after the process: a child of its own may hold the pipe open for ever."""
    await process.exited()
    await anyio.sleep(LAST_READS)
    reading.cancel()


async def _send(process: Process, outgoing: Any, ended: anyio.Event) -> None:
    async with outgoing:
        async for item in outgoing:
            try:
                line = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            except ValueError:
                logger.warning("a message to a server cannot be written as JSON; it is dropped")
                continue
            try:
                await process.write(line.encode() + b"\n")
            except (OSError, anyio.ClosedResourceError):
                ended.set()
                return  # the reader sees the end as well
