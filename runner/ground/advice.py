"""The commands of `wf` that messages advise: written here alone, so that each works where it is pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_OPTIONS: ContextVar[tuple[str, ...]] = ContextVar("_OPTIONS", default=())


@contextmanager
def advising(options: Sequence[str]) -> Iterator[None]:
    """Add options to every command that is advised meanwhile: those by which it finds this command's database."""
    token = _OPTIONS.set(tuple(options))
    try:
        yield
    finally:
        _OPTIONS.reset(token)


def command_line(*words: str, value: str | None = None) -> str:
    """A command of `wf` as it is typed in a shell. A `value` comes last, where it can begin with a dash."""
    last = () if value is None else ("--", value)
    return shlex.join(["wf", *words, *_OPTIONS.get(), *last])


def resume_command(run: str, secrets: Sequence[str] = ()) -> str:
    """The command that goes on with a run. `secrets` are the inputs that have to be given with it."""
    return command_line("resume", run, *secret_words(secrets))


def secret_words(secrets: Sequence[str]) -> list[str]:
    """How secret inputs are given with a command."""
    return [word for name in secrets for word in ("-i", f"{name}=@FILE")]


def ask_doctor() -> str:
    """What to do about a database that is damaged."""
    return f"`{command_line('doctor')}` shows what is whole"


def accepting_tools(server: str) -> str:
    """What to do about an MCP server whose tools have changed."""
    shown, accepted = command_line("mcp", server), command_line("mcp", server, "--accept")
    return f"`{shown}` shows the difference, and `{accepted}` takes them as they are now"
