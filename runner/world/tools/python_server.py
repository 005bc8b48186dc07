"""Starts the server that a Python tool's calls are copied from: `python_host.py` with no function to call."""

from __future__ import annotations

import json
import os
import socket
from functools import partial
from hashlib import sha256
from signal import SIGKILL
from typing import IO

from msgspec.structs import replace

from runner.workflow.loader_variables import STEP_VARIABLES
from runner.world.calls import Attempt, Context, PythonCall
from runner.world.processes.fork_server import ForkServer, ForkServers
from runner.world.processes.supervisor import Program, Supervisor
from runner.world.tools.child_process import ChildProcess, Launch, Started, end, spawn, start
from runner.world.tools.refusal import Refusal

MOST = 16
"""Servers that a run has at once, at most; further tools are started anew for each call."""


async def server_for(call: PythonCall, launch: Launch, attempt: Attempt, context: Context) -> ForkServer | None:
    """The server of a tool's calls; None where its copies could not be this process's children, and as `ForkServers`.

    One serves the calls of the same code, in the same folder and environment, with the same permissions.
    """
    if not context.supervisor.can_host:
        return None
    files = {"file": call.file, "modules": call.modules}
    same = {name: value for name, value in launch.environment.items() if name not in STEP_VARIABLES}
    made_of = json.dumps([files, call.cwd, same], sort_keys=True).encode()
    starting = partial(_started, replace(launch, stdin=json.dumps(files).encode(), result=False), context)
    return await ForkServers(context.servers).of((sha256(made_of).digest(), attempt.permissions), starting)


def copied(server: ForkServer, _launch: Launch, program: Program) -> tuple[Started, IO[bytes] | None]:
    """A copy in the place of a program that is started. Raises NotServed."""
    return server.copy(program.number or 0, program.variable)


async def _started(launch: Launch, context: Context) -> ForkServer | None:
    """A server that is ready; None if none can be had, or the tool is not fit to be served."""
    supervisor = context.supervisor
    if supervisor.hosted >= MOST:
        return None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs, supervisor.starting() as program:
            child = start(
                launch, program, context, lambda launch, program: (spawn(launch, (theirs.fileno(),), program), None)
            )
    except Refusal:  # nor can a program of its own be started, which will say so
        ours.close()
        return None
    return await _hosted(
        ForkServer(program.leader, ours, partial(_end, child, program, supervisor)), child, program, context
    )


def _end(child: ChildProcess, program: Program, supervisor: Supervisor) -> None:
    """End a server, which is not reaped yet, and see it end: its copies then are this process's children."""
    os.kill(program.leader, SIGKILL)
    child.finished()
    child.close()
    supervisor.forget(program)


async def _hosted(server: ForkServer, child: ChildProcess, program: Program, context: Context) -> ForkServer | None:
    """The server once it is ready; None if it is not fit, or has started anything that goes on."""
    supervisor = context.supervisor
    is_fit = False
    try:
        is_fit = await server.is_ready() and len(supervisor.tree_of(program).members()) == 1
    finally:
        if not is_fit:
            await _given_up(server, program, context)
    if not is_fit:
        return None
    child.stop_listening()
    child.ended.add_done_callback(lambda _: server.stop())
    supervisor.host(program, server.stop)
    return server


async def _given_up(server: ForkServer, program: Program, context: Context) -> None:
    """End a server, with all that the import of its tool has started."""
    try:
        await end(context.supervisor.tree_of(program), context.grace)
    finally:
        server.stop()
