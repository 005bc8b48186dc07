"""`wf export`: a run as a file of JSON lines."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from runner.cli.options import database_option
from runner.cli.speaking import say
from runner.cli.stored import find_run, reading, run_argument
from runner.ground.errors import UsageError
from runner.travel.exports import exported

EPILOG = """\b
Examples:
  wf export last -o run.jsonl
  wf export 0mwsi | gzip > run.jsonl.gz
  wf import run.jsonl                         # in another folder, on another machine
"""


@click.command("export", epilog=EPILOG)
@run_argument
@click.option("-o", "--output", metavar="FILE", help="Where to write it, readable for you alone; else to stdout.")
@database_option
def wf_export(run: str, output: str | None, db: str | None) -> None:
    """Write RUN as JSON lines: its workflow's files and all its events, those of a past that it shares too.

    It is as it stands at this moment, even while it is going on. Secret inputs are not in it, only references to them;
    nor is what waits in its inbox.
    """
    with reading(db) as store:
        row = find_run(store, run)
        with _opened(output) as file:
            file.writelines(exported(store, row.id))
    if output:
        say(f"run {row.id}: {row.events} events exported to {output}")


@contextmanager
def _opened(output: str | None) -> Iterator[IO[bytes]]:
    """Stdout, or a file that takes its name once it is whole. Raises UsageError."""
    if output is None:
        yield sys.stdout.buffer
        return
    path = Path(output)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise UsageError(f"can't write {output}: {error.strerror or error}") from error
