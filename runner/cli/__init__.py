"""The command line: what a person or a CI job types. It alone prints and exits."""

from __future__ import annotations

import os
import sys

import click

from runner.cli.group import Lazy
from runner.errors import EXIT_FAILED, InvalidWorkflow, WorkflowError
from runner.plain import plain

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
    "doctor": "Check this machine and the database.",
    "completion": "Print the completion script of a shell.",
}
"""Every command and its help in a line. A command's module is imported when it is called."""

EPILOG = """\b
Examples:
  wf init                                     # a first workflow that runs offline
  wf run flow.yaml -i topic=tea               # run it
  wf run flow.yaml --mock replies.yaml        # with scripted replies in the place of models
  wf answer last approve yes --resume         # answer a question, and go on
"""


@click.group(cls=Lazy, commands_help=COMMANDS, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wf", prog_name="wf")
def root() -> None:
    """Run multi-agent workflows that are written as YAML: checked, recorded step by step, resumable at any moment."""


def main() -> None:
    """The console script: every error becomes words on stderr and an exit code; no traceback without `--debug`."""
    debug = "--debug" in sys.argv
    try:
        code = root.main(
            args=[word for word in sys.argv[1:] if word != "--debug"], prog_name="wf", standalone_mode=False
        )
    except WorkflowError as error:
        if debug:
            raise
        code = complain(error)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - so that the exit flushes nothing
        code = 141
    except Exception as error:
        if debug:
            raise
        click.echo(
            plain(f"internal error: {type(error).__name__}: {error}\n  help: run it again with --debug"), err=True
        )
        code = EXIT_FAILED
    sys.exit(code if isinstance(code, int) else 0)


def complain(error: WorkflowError) -> int:
    """Say what is wrong, on stderr; the exit code."""
    words = str(error) if isinstance(error, InvalidWorkflow) else f"error: {error}"
    click.echo(plain(words), err=True)
    return error.exit_code
