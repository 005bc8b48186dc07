"""What kept a command from its work: words on stderr, with `--json` a document on stdout too, and an exit code."""

from __future__ import annotations

from contextlib import suppress
from io import StringIO

import click

from runner.cli.speaking import say, tell_json
from runner.ground.errors import EXIT_FAILED, EXIT_STORE, EXIT_USAGE, InvalidWorkflow, Problem, WorkflowError
from runner.ground.json_value import Json

RULES = {EXIT_USAGE: "usage", EXIT_STORE: "store"}


def complain(error: Exception, *, as_document: bool) -> int:
    """Say what is wrong: in words on stderr, and as a document on stdout if one was asked for; the exit code."""
    code = EXIT_FAILED
    if isinstance(error, click.ClickException):
        said = StringIO()
        error.show(said)
        say(said.getvalue().rstrip("\n"))
        code = error.exit_code
    elif isinstance(error, WorkflowError):
        say(str(error) if isinstance(error, InvalidWorkflow) else f"error: {error}")
        code = error.exit_code
    elif isinstance(error, OSError):
        say(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        code = EXIT_STORE
    else:
        say(f"internal error: {type(error).__name__}: {error}\n  help: run it again with --debug")
    if as_document:
        with suppress(OSError):  # stdout itself may be what is wrong
            tell_json(failure(error))
    return code


def failure(error: Exception) -> dict[str, Json]:
    """What `--json` prints when there is nothing else to print: why the command did nothing."""
    if isinstance(error, InvalidWorkflow):
        return {"status": "invalid", "errors": [problem_json(problem) for problem in error.problems]}
    if isinstance(error, click.ClickException):
        return {"status": "invalid", "errors": [problem_json(Problem(error.format_message(), rule="usage"))]}
    code = error.exit_code if isinstance(error, WorkflowError) else EXIT_FAILED
    words, hint = (error.message, error.hint) if isinstance(error, WorkflowError) else (str(error), "")
    problem = Problem(words, hint=hint, rule=RULES.get(code, "internal"))
    more = error.document if isinstance(error, WorkflowError) else {}
    return {"status": "invalid" if code == EXIT_USAGE else "error", "errors": [problem_json(problem)], **more}


def problem_json(problem: Problem) -> dict[str, Json]:
    """A problem as JSON."""
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "severity": problem.severity,
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
    }
