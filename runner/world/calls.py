"""What leaves ask of the world: calls as plain data, and what comes back. An attempt is a function of these alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Literal

import msgspec

from runner.ground.clock import Clock
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.record.cues import Cue
from runner.record.event_parts import LeftRunning, Printed
from runner.record.gates import Gate
from runner.record.tool_lists import ListsInMemory, ToolLists
from runner.record.usage import Usage
from runner.workflow.money import Price
from runner.workflow.permissions import Permissions
from runner.workflow.policies import CALL_TIMEOUT, IDLE_TIMEOUT
from runner.world.processes.supervisor import Supervisor


class Call(msgspec.Struct, frozen=True, tag_field="call"):
    """What all calls share: the tag. Every field is plain data, already rendered."""

    @property
    def gate(self) -> str:
        """The kind of the gate that it has to pass."""
        return str(self.__struct_config__.tag)


class ModelCall(Call, frozen=True, tag="model"):
    """Ask a model. `messages` are as in providers/contract.py; `tools` their JSON Schemas.

    `timeout` bounds the call, `idle_timeout` the time without a byte of an answer, both in seconds. `price` is what the
    workflow says that its tokens cost, where it does.
    """

    agent: str
    model: str
    messages: tuple[dict[str, Json], ...]
    max_reply_tokens: int = 4096
    temperature: float | None = None
    output_schema: dict[str, Json] | None = None
    tools: tuple[dict[str, Json], ...] = ()
    timeout: float = CALL_TIMEOUT
    idle_timeout: float = IDLE_TIMEOUT
    price: Price | None = None


class CommandCall(Call, frozen=True, tag="command"):
    """Run a program: argv, never a shell. `cwd` is absolute; `env` is set, `pass_env` is passed on from wf's own.

    An exit code outside `ok_exit` is `tool_failed`. `parse` is `json`, `lines` or nothing; what was parsed must fit
    `output_schema`.
    """

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = {}
    pass_env: tuple[str, ...] = ()
    stdin: str = ""
    ok_exit: tuple[int, ...] = (0,)
    parse: str = ""
    output_schema: dict[str, Json] | None = None


class PythonCall(Call, frozen=True, tag="python"):
    """Call a function of a Python file with keyword arguments, in a process of its own.

    `modules` are the texts, by absolute path, of the file and of what it may import that is not installed.
    """

    tool: str
    file: str
    function: str
    arguments: dict[str, Json]
    cwd: str
    env: dict[str, str] = {}
    pass_env: tuple[str, ...] = ()
    modules: dict[str, str] = {}
    output_schema: dict[str, Json] | None = None


class ReadCall(Call, frozen=True, tag="read"):
    """Read a file, or each file that a glob matches, inside the permitted roots. `folder` is the root file's.

    `pattern` is the glob, if it is one: what was filled into it is escaped. `parse` is `json`, `lines` or nothing.
    Without `content`, only a file's size and hash are asked for.
    """

    path: str
    folder: str
    pattern: str = ""
    parse: str = ""
    content: bool = True


class WriteCall(Call, frozen=True, tag="write"):
    """Write a file atomically inside the permitted roots, making its folders."""

    path: str
    content: str
    folder: str


class FileCall(Call, frozen=True, tag="file"):
    """Read a file inside the permitted roots for a model: its text, or what it is and its bytes in Base64."""

    path: str
    folder: str

    @property
    def gate(self) -> str:
        """It reads."""
        return "read"


class FilesCall(Call, frozen=True, tag="files"):
    """Use one of the built-in tools inside the permitted roots: `read`, `list`, `search` or `edit`.

    `arguments` are the tool's, but for the path.
    """

    tool: str
    path: str
    folder: str
    arguments: dict[str, Json] = {}

    @property
    def gate(self) -> str:
        """It reads, but for an edit."""
        return "write" if self.tool == "edit" else "read"


class HttpCall(Call, frozen=True, tag="http"):
    """Send one HTTP request, with `body` as it is, or `json` written as JSON (a list of that one value), or neither.

    `query` is added to that of the address. A status from 400 on fails unless it is in `ok_status`. What was sent back
    as JSON must fit `output_schema`.
    """

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    query: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    json: tuple[Json, ...] = ()
    ok_status: tuple[int, ...] = ()
    output_schema: dict[str, Json] | None = None


class ServerCall(Call, frozen=True):
    """What calls of an MCP server share: its name, and how it is reached, by a program or by an address."""

    server: str
    argv: tuple[str, ...] = ()
    cwd: str = ""
    env: dict[str, str] = {}
    pass_env: tuple[str, ...] = ()
    url: str = ""
    headers: dict[str, str] = {}


class ListToolsCall(ServerCall, frozen=True, tag="list_tools"):
    """Ask an MCP server for its tools. The output is `{hash, tools: [{name, description, schema}]}`."""


class McpCall(ServerCall, frozen=True, tag="mcp"):
    """Call a tool of an MCP server. `hash` is that of the tool as it was listed; nothing where none was asked for.

    `responses` are what people have answered to what the server asked, with the `state` that it gave along.
    """

    tool: str = ""
    arguments: dict[str, Json] = {}
    hash: str = ""
    responses: dict[str, Json] = {}
    state: str = ""
    output_schema: dict[str, Json] | None = None


AnyCall = (
    ModelCall
    | CommandCall
    | PythonCall
    | ReadCall
    | WriteCall
    | FileCall
    | FilesCall
    | HttpCall
    | ListToolsCall
    | McpCall
)


class CallDone(msgspec.Struct, frozen=True):
    """A call succeeded. `output` is JSON; a model's is `{text, message, finish, tool_calls}`.

    `left` are the processes that it left running.
    """

    output: Json
    usage: Usage | None = None
    left: tuple[LeftRunning, ...] = ()


class CallFailed(msgspec.Struct, frozen=True):
    """A call failed. `output` is what there was nevertheless (a command's, with its other exit code)."""

    failure: Failure
    output: Json = None
    usage: Usage | None = None


class NoReply(msgspec.Struct, frozen=True):
    """Nothing was done: a scripted reply, or a recorded call, is missing. The message says which.

    The run waits for it, as for what `kind` says.
    """

    message: str
    kind: Literal["mock", "replay"] = "mock"


Outcome = CallDone | CallFailed | NoReply


def idempotency_key(began_in: str, step: str) -> str:
    """What tells the effect of a step from all others: the run in which it first began, and its path."""
    return f"{began_in}/{step}"


class Attempt(msgspec.Struct, frozen=True):
    """One try of one call: who asks, the how-manieth, and what it may reach.

    In a run with scripted replies, `cue_keys` are the keys that it may have one under, `cue` which it is given.
    `reveals` says whether the call holds a secret.
    `is_told`: a model is told what it gives. `failures` are the attempts before that have failed: others were
    interrupted. `began_in` is the run in which the step first began, where that is another. The `idempotency_key` is
    the same for every attempt of the step, also after a crash, and in a retry of the run.
    """

    run: str
    step: str
    node: str
    agent: str
    number: int
    call: AnyCall
    permissions: Permissions
    cue: Cue | None = None
    cue_keys: tuple[str, ...] = ()
    timeout: float | None = None
    reveals: bool = False
    is_told: bool = False
    began_in: str = ""
    failures: int = 0

    @property
    def idempotency_key(self) -> str:
        return idempotency_key(self.began_in or self.run, self.step)


Streamer = Callable[[str, str], None]
"""Takes a step's path and a piece of streamed text."""


def _as_it_is(text: str) -> str:
    return text


class Protected(msgspec.Struct, frozen=True):
    """What a run is made of and what it starts, which it may not write.

    `files` are those of its definition, `python` the entries of its `permissions.python`, `commands` the programs that
    it may start, looked up in `search`; `replies` its mock file and its cassettes.
    """

    files: tuple[str, ...] = ()
    database: str = ""
    python: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    search: str = ""
    replies: tuple[str, ...] = ()


class Printout(msgspec.Struct):
    """What is told of an attempt beside its outcome: what its program prints, and the gates that it came to.

    Whoever runs a program says how what it prints is read, at any time; else there is none.

    What is read is masked, and cut to its bound. `said` is the last line at the moment when it was cut off, as the end
    of a message.
    """

    read: Callable[[], Printed | None] = msgspec.field(default=lambda: None)
    said: str = ""
    gates: list[Gate] = []


class Context(msgspec.Struct, frozen=True):
    """What a performer may use of its surroundings. `environment` is wf's own, to pass on from by permission.

    `mark` tells this run's processes from those of a run that bears the same id in another database; the `supervisor`
    knows them. `servers`, see `ForkServers`, make the processes of tools that are called often. `programs` are the
    hashes of programs as the run began, by their entry in `permissions.commands`.
    `tool_lists` are the tools of MCP servers, as they were when they were first used.
    `mask` puts references in the place of secrets: foreign text is given to it before it is cut, since a part of a
    secret can't be found any more. `kept`, a Kept, is where what is too long is kept; None: nowhere.
    """

    clock: Clock
    environment: Mapping[str, str]
    stream: Streamer = msgspec.field(default=lambda _step, _text: None)
    grace: float = 2.0
    mark: str = ""
    protected: Protected = Protected()
    programs: Mapping[str, str] = {}
    mask: Callable[[str], str] = _as_it_is
    tool_lists: ToolLists = msgspec.field(default_factory=ListsInMemory)
    supervisor: Supervisor = msgspec.field(default_factory=Supervisor)
    servers: dict[Hashable, Any] = msgspec.field(default_factory=dict)
    printout: Printout = msgspec.field(default_factory=Printout)
    kept: Any = None

    def passed(self, gate: Gate) -> None:
        """Note what a gate let through, or refused."""
        self.printout.gates.append(gate)


Performer = Callable[[Attempt, Context], Awaitable[Outcome]]
"""Performs one kind of call. Cancelling the awaiting task must end all that it started, whole process trees too."""
