"""`wf doctor`: check this machine and the database, and say what is wrong."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import chain

import click
import msgspec

from runner.cli.examining import examine
from runner.cli.reporting import as_json
from runner.cli.settings import database, database_option, in_use
from runner.cli.speaking import tell
from runner.ground.errors import EXIT_COMPLETED, EXIT_STORE, StoreError, UsageError
from runner.record.store.health import Finding, sound_sqlite, wrong

BANNED = ("1.82.7", "1.82.8")
"""Releases of litellm that carried malware (March 2026)."""

EPILOG = """\b
Examples:
  wf doctor
  wf doctor --db /somewhere/wf.db
  wf doctor --json
"""


@click.command("doctor", epilog=EPILOG)
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def command(as_document: bool, db: str | None) -> int:
    """Check Python, SQLite, litellm, programs that examples use, settings, and the database with each of its runs.

    Only reads, also while runs go on. Each line is `ok` or `WRONG`; with anything wrong the exit code is 5.
    """
    found = []
    for finding in chain(_machine(), _database(db)):
        found.append(finding)
        if not as_document:
            _tell(finding)
    if as_document:
        click.echo(as_json([msgspec.to_builtins(finding) for finding in found]))
    return EXIT_COMPLETED if all(finding.ok for finding in found) else EXIT_STORE


def _database(db: str | None) -> Iterator[Finding]:
    """The database; not where it can't even be told which one is meant."""
    try:
        path = database(db)
    except UsageError:
        return
    yield from examine(path)


def _tell(finding: Finding) -> None:
    tell(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.name}: {finding.words}")
    if finding.help:
        tell(f"         help: {finding.help}")


def _machine() -> Iterator[Finding]:
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: f"{platform.python_version()} at {sys.executable}",
        "sqlite": sound_sqlite,
        "litellm": _litellm,
        "programs": _programs,
        "settings": lambda: ", ".join(in_use()) or "none are made: each has its default",
        "terminal": lambda: "yes" if sys.stdout.isatty() else "no: plain lines are printed",
    }
    for name, check in checks.items():
        try:
            yield Finding(name, check())
        except (StoreError, UsageError) as error:
            yield wrong(name, error)


def _litellm() -> str:
    try:
        version = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        return "not installed: workflows run with --mock only"
    if version in BANNED:
        raise StoreError(
            f"litellm {version} is a compromised release", "remove it, change every key it could read, install another"
        )
    return version


def _programs() -> str:
    found = {name: shutil.which(name) for name in ("sh", "git")}
    missing = [name for name, path in found.items() if path is None]
    return f"{', '.join(missing)} not found: nodes that run them will fail" if missing else "sh, git"
