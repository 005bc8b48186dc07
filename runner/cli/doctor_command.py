"""`wf doctor`: check this machine and the database, and say what is wrong."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from importlib import metadata

import click

from runner.cli.settings import database, database_option
from runner.cli.speaking import tell
from runner.errors import EXIT_COMPLETED, EXIT_STORE, StoreError
from runner.store.health import check_store, sqlite_version

BANNED = ("1.82.7", "1.82.8")
"""Releases of litellm that carried malware (March 2026)."""

EPILOG = """\b
Examples:
  wf doctor
  wf doctor --db /somewhere/wf.db
"""


@click.command("doctor", epilog=EPILOG)
@database_option
def command(db: str | None) -> int:
    """Check Python, SQLite, litellm, the programs that examples use, and the database."""
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: f"{platform.python_version()} at {sys.executable}",
        "sqlite": sqlite_version,
        "litellm": _litellm,
        "programs": _programs,
        "terminal": lambda: "yes" if sys.stdout.isatty() else "no: plain lines are printed",
        "database": lambda: check_store(database(db)),
    }
    trouble = False
    for name, check in checks.items():
        try:
            tell(f"ok     {name}: {check()}")
        except StoreError as error:
            trouble = True
            tell(f"WRONG  {name}: {error}")
    return EXIT_STORE if trouble else EXIT_COMPLETED


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
