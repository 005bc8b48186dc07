"""`wf import`: take in a run that was exported."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from runner.cli.options import database_option
from runner.cli.speaking import say, tell
from runner.cli.stored import writing
from runner.engine.runs import checked_run_id
from runner.ground.advice import resume_command
from runner.ground.errors import UsageError
from runner.record.store.contract import RunRow
from runner.record.store.rules import ENDED
from runner.travel.imports import LARGEST_FILE, Export, check_export, take_in

CHUNK = 1 << 20

GZIP = b"\x1f\x8b"
"""What a file begins with that gzip has made."""

EPILOG = """\b
Examples:
  wf import run.jsonl
  wf import run.jsonl --run-id copy           # where a run of that id is already
  wf export last | wf import - --db other.db
"""


@click.command("import", epilog=EPILOG)
@click.argument("file")
@click.option("--run-id", metavar="ID", help="The run's id here; the one that it had by default.")
@database_option
def wf_import(file: str, run_id: str | None, db: str | None) -> None:
    """Take in the run that was exported to FILE; - reads stdin. From now on it works in the current folder.

    FILE is checked as a whole before anything is written. It is only data: nothing of it runs until you resume or fork
    the run; then its workflow may do what its permissions say, so read these first if you do not know where it is from.
    """
    with _opened(file) as opened:
        checked = check_export(Export(opened, file, checked_run_id(run_id), str(Path.cwd())))
        with writing(db, create=True) as store:
            row = take_in(store, checked)
    tell(row.id)
    _explain(row, checked.state.options.get("allow", {}))


def _explain(row: RunRow, allowed: Mapping[str, Sequence[str]]) -> None:
    say(f"run {row.id} of {row.workflow}: {row.events} events taken in, {row.status}")
    for kind, values in allowed.items():
        say(f"  beside what its file permits it was allowed {kind}: {', '.join(values)}")
    if row.status not in ENDED:
        say(f"  {resume_command(row.id)} goes on with it, in {Path.cwd()}")


def _opened(name: str) -> BinaryIO:
    """A file to be read from its beginning more than once. Raises UsageError when it is no plain file, or too large."""
    if name == "-":
        return _spooled()
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise UsageError(f"can't read {name}: {why}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
        os.close(descriptor)
        why = "it is too large" if stat.S_ISREG(status.st_mode) else "it is no file"
        raise UsageError(f"can't read {name}: {why}")
    return _refuse_compressed(os.fdopen(descriptor, "rb"), name)


def _spooled() -> BinaryIO:
    """What stdin gives, in a file without a name; of what is too large so much that this will be found."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
    for chunk in iter(lambda: sys.stdin.buffer.read(CHUNK), b""):
        file.write(chunk)
        if file.tell() > LARGEST_FILE:
            break
    return _refuse_compressed(file, "stdin")


def _refuse_compressed(file: BinaryIO, name: str) -> BinaryIO:
    file.seek(0)
    if file.read(len(GZIP)) == GZIP:
        file.close()
        raise UsageError(f"{name} is compressed", "gunzip -c FILE | wf import -")
    file.seek(0)
    return file
