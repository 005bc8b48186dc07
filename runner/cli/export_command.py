"""`wf export`: a run as a file of JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from runner.cli.options import database_option
from runner.cli.speaking import say
from runner.cli.stored import find_run, reading, run_argument
from runner.ground.errors import UsageError
from runner.ground.plain_file import whole_file
from runner.travel.exports import exported, exported_cassette

EPILOG = """\b
Examples:
  wf export last -o run.jsonl
  wf export 0mwsi | gzip > run.jsonl.gz
  wf export last --cassette -o tape.yaml      # wf run FLOW --replay tape.yaml
  wf import run.jsonl                         # in another folder, on another machine
"""


@click.command("export", epilog=EPILOG)
@run_argument
@click.option("-o", "--output", metavar="FILE", help="Where to write it, readable for you alone; else to stdout.")
@click.option("--cassette", is_flag=True, help="Write it as a cassette, for `wf run --replay FILE`.")
@click.option("--commands", is_flag=True, help="With what commands and scripts gave, too.")
@database_option
def wf_export(run: str, output: str | None, cassette: bool, commands: bool, db: str | None) -> None:
    """Write RUN as JSON lines: its workflow's files and all its events, those of a past that it shares too.

    It is as it stands at this moment, even while it is going on. Secret inputs are not in it, only references to them;
    nor is what waits in its inbox.
    """
    if commands and not cassette:
        raise UsageError("--commands is for --cassette", "an export of all events has them anyway")
    with reading(db) as store:
        row = find_run(store, run)
        lines = exported_cassette(store, row.id, commands=commands) if cassette else exported(store, row.id)
        with _opened(output) as file:
            file.writelines(lines)
    if output:
        say(f"run {row.id}: {row.events} events exported to {output}")


@contextmanager
def _opened(output: str | None) -> Iterator[IO[bytes]]:
    """Stdout, or a file that takes its name once it is whole. Raises UsageError."""
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        with whole_file(Path(output)) as file:
            yield file
    except OSError as error:
        raise UsageError(f"can't write {output}: {error.strerror or error}") from error
