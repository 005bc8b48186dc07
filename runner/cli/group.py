"""A group of commands whose modules are imported when they are called, not for the help."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from runner.ground.errors import EXIT_BROKEN_PIPE, did_you_mean

_ELSEWHERE = {
    **dict.fromkeys(("list", "ls", "ps", "history"), "wf runs lists the runs, wf workflows what was run"),
    **dict.fromkeys(("status", "get", "inspect", "describe"), "wf show RUN tells how a run stands"),
    **dict.fromkeys(("start", "exec", "execute"), "wf run FLOW starts a run"),
    **dict.fromkeys(("check", "lint", "test"), "wf validate FLOW checks a file"),
    **dict.fromkeys(("approve", "reply", "respond"), "wf answer RUN STEP VALUE answers a question"),
    **dict.fromkeys(("stop", "kill", "abort"), "wf pause RUN or wf cancel RUN stops a run"),
    **dict.fromkeys(("continue", "restart"), "wf resume RUN goes on with a run"),
    **dict.fromkeys(("rm", "delete", "clean", "prune"), "wf gc removes old runs"),
    **dict.fromkeys(("new", "create"), "wf init writes a first workflow"),
    **dict.fromkeys(("draw", "viz", "visualize"), "wf graph FLOW draws a workflow"),
    "help": "wf --help lists the commands, wf COMMAND --help tells of one",
    "version": "wf --version prints it",
}
"""What other programs call their commands, and what does the same here."""

_INPUT = "an input of wf run is given by -i "
_OPTIONS = {
    **dict.fromkeys(("--var", "--input", "--param", "--arg", "--set", "-v", "-p", "-e", "--env", "-D"), _INPUT),
    **dict.fromkeys(("--dry-run", "--check", "-n"), "wf validate FLOW checks a workflow without running it"),
    **dict.fromkeys(("--verbose", "--log-level"), "progress is shown anyway; --events gives every event"),
    **dict.fromkeys(("--resume", "--continue"), "wf resume RUN goes on with a run"),
}
"""What other programs call their options, and what does the same here."""


class Lazy(click.Group):
    """Knows its commands' helps from a table. `homes` is the module of each that shares one with others.

    All else are in `runner.cli.<name>_command`; the command itself is called `wf_<name>`.
    """

    def __init__(self, *args: Any, helps: Mapping[str, str], homes: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._helps = helps
        self._homes = homes

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _unread():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _unread(), _explained(ctx.args):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._helps)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._helps:
            return None
        home = import_module(f"runner.cli.{self._homes.get(cmd_name, f'{cmd_name}_command')}")
        command: click.Command = getattr(home, f"wf_{cmd_name}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._helps and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command '{args[0]}'{self._meant(*args)}", ctx)
        return super().resolve_command(ctx, args)

    def _meant(self, word: str, *rest: str) -> str:
        """What was probably meant by a word that is no command, as the end of a message."""
        if word.endswith((".yaml", ".yml")) or word.startswith("pattern:"):
            return f"; to run it: wf run {shlex.join([word, *rest])}"
        return f"; {_ELSEWHERE[word]}" if word in _ELSEWHERE else did_you_mean(word, list(self._helps))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._helps.items()))


@contextmanager
def _unread() -> Iterator[None]:
    """A reader that has gone away is told by an exit code of its own; click itself would exit with 1."""
    try:
        yield
    except BrokenPipeError:
        raise click.exceptions.Exit(EXIT_BROKEN_PIPE) from None


@contextmanager
def _explained(words: list[str]) -> Iterator[None]:
    """An option of other programs is refused with what does the same here. `words` are those after the command's."""
    try:
        yield
    except click.NoSuchOption as error:
        if (meant := _OPTIONS.get(error.option_name)) is None:
            raise
        given = words[words.index(error.option_name) + 1 :] if error.option_name in words else []
        pair = next((shlex.quote(word) for word in given[:1] if "=" in word), "NAME=VALUE")
        said = f"{meant}{pair if meant is _INPUT else ''}"
        raise click.UsageError(f"there is no option '{error.option_name}'; {said}", error.ctx) from None
