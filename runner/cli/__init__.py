"""The command line: what a person or a CI job types. It alone prints and exits."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO

import click

from runner.cli.group import Lazy
from runner.ground.errors import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, UsageError
from runner.ground.plain import is_text

COMMANDS = {
    "run": "Run a workflow.",
    "validate": "Check workflow files without running them.",
    "resume": "Go on with a paused or killed run.",
    "answer": "Answer a step that waits for a person.",
    "signal": "Send a signal to a run that waits for one, or will.",
    "pause": "Pause a live run.",
    "cancel": "Cancel a run.",
    "runs": "List runs, newest first.",
    "show": "Tell the whole story of a run.",
    "logs": "Print a run's events, or follow them.",
    "state": "Print a run's state, now or at a checkpoint.",
    "checkpoints": "List the points that a run can be restored to.",
    "diff": "Compare two checkpoints of runs, or two versions of a workflow.",
    "fork": "Begin a new run from a checkpoint of another.",
    "retry": "Take a failed run up again from the step that failed.",
    "workflows": "List the recorded versions of workflows.",
    "graph": "Draw a workflow or a run as a Mermaid diagram.",
    "eval": "Try an expression.",
    "schema": "Print the JSON Schema of workflow files, for editors.",
    "patterns": "List the bundled patterns, or show one.",
    "init": "Write a first workflow, or a copy of a pattern.",
    "export": "Write a run to a file.",
    "import": "Take in a run that was exported.",
    "gc": "Remove old runs, and what nothing needs.",
    "audit": "List what gates have let through and refused.",
    "mcp": "List the tools of MCP servers, or accept changed ones.",
    "doctor": "Check this machine and the database.",
    "completion": "Print the completion script of a shell.",
}
"""Every command and its help in a line. A command's module is imported when it is called."""

HOMES = {
    name: module
    for module, names in {
        "flows": ("validate", "patterns"),
        "messages": ("answer", "signal", "pause", "cancel"),
        "continuations": ("resume", "fork", "retry"),
        "inventory": ("runs", "workflows", "gc"),
        "checkpoints": ("checkpoints", "state", "diff"),
        "story": ("show", "logs"),
    }.items()
    for name in names
}
"""The module of each command that shares one."""

EPILOG = """\b
Examples:
  wf init                                     # a first workflow that runs offline
  wf run flow.yaml -i topic=tea               # run it
  wf run flow.yaml -i topic=tea --mock flow.mock.yaml     # with scripted replies in the place of models
  wf answer last approve yes --resume         # answer a question, and go on
"""


GARBAGE = 100_000
"""How many more objects are made than dropped before the collector looks: a start makes many, and hardly any cycle."""


@click.group(
    cls=Lazy, helps=COMMANDS, homes=HOMES, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="wf", prog_name="wf")
@click.option("--debug", is_flag=True, expose_value=False, help="Show where in the code an internal error arose.")
def root() -> None:
    """Run multi-agent workflows that are written as YAML: checked, recorded step by step, resumable at any moment."""


def main() -> None:
    """The console script: every error becomes words on stderr and an exit code; no traceback without `--debug`."""
    gc.set_threshold(GARBAGE, 50, 50)
    debug, code = "--debug" in sys.argv, 0
    try:
        _make_writable()
        words = [_checked(word) for word in sys.argv[1:] if word != "--debug"]
        code = root.main(args=words, prog_name="wf", standalone_mode=False)
    except click.exceptions.Abort:
        code = EXIT_INTERRUPTED
    except Exception as error:
        if debug:
            raise
        code = import_module("runner.cli.complaining").complain(error, as_document="--json" in sys.argv)
    sys.exit(_flushed(code or 0))


def _streams() -> list[TextIO]:
    """Stdout and stderr, where they are not closed."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]


def _make_writable() -> None:
    """Let what the streams' encoding lacks, and what was no text on its way in, be written as escapes."""
    for stream in _streams():
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _checked(word: str) -> str:
    if not is_text(word):
        raise UsageError(f"'{word}' is no UTF-8 text")
    return word


def _flushed(code: int) -> int:
    """Write out what is left; to a reader that has gone, or a disk that is full, in vain."""
    for stream in _streams():
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code or EXIT_BROKEN_PIPE
    return code
