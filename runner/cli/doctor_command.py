"""`wf doctor`: check this machine and the database, and say what is wrong."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import chain
from pathlib import Path

import click

from runner.cli.options import database_option
from runner.cli.settings import database, in_use
from runner.cli.speaking import tell, tell_json
from runner.cli.stored import SHORT, was_left
from runner.ground.advice import ask_doctor, command_line, resume_command
from runner.ground.errors import EXIT_COMPLETED, EXIT_STORE, InvalidWorkflow, Problem, StoreError, UsageError
from runner.record.soundness import run_faults, version_faults
from runner.record.store.contract import Store
from runner.record.store.health import Finding, Inside, around, sound_sqlite, wrong
from runner.record.store.sqlite import is_missing
from runner.world.providers.endpoints import Known
from runner.world.providers.own import own_providers

BANNED = ("1.82.7", "1.82.8")
"""Releases of litellm that carried malware (March 2026)."""

SAVING = "keep a copy of the file; `wf export` saves a run whose events are whole, `wf import` takes it in elsewhere"
BEYOND = "nothing in it can be read: put it back from a copy, or go on with another by --db"
OLDER = "made by an older wf, as version {}: the next command that uses it brings it up to date, then runs are checked"

EPILOG = """\b
Examples:
  wf doctor
  wf doctor --db /somewhere/wf.db
  wf doctor --json
"""


@click.command("doctor", epilog=EPILOG)
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def wf_doctor(as_document: bool, db: str | None) -> int:
    """Check Python, SQLite, litellm, programs that examples use, settings, and the database with each of its runs.

    Only reads, also while runs go on. Each line is `ok` or `WRONG`; with anything wrong the exit code is 5.
    """
    found = []
    for finding in chain(_machine(), _database(db)):
        found.append(finding)
        if not as_document:
            _tell(finding)
    if as_document:
        tell_json(found)
    return EXIT_COMPLETED if all(finding.ok for finding in found) else EXIT_STORE


def _database(db: str | None) -> Iterator[Finding]:
    """The database; not where it can't even be told which one is meant."""
    try:
        path = database(db)
    except UsageError:
        return
    yield from _examine(path)


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
        "providers": _providers,
        "terminal": lambda: "yes" if sys.stdout.isatty() else "no: plain lines are printed",
    }
    for name, check in checks.items():
        try:
            yield Finding(name, check())
        except (StoreError, UsageError) as error:
            yield wrong(name, error)
        except InvalidWorkflow as error:
            yield from (Finding(name, _words_of(problem), problem.hint, ok=False) for problem in error.problems)


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


def _providers() -> str:
    """The user's own providers."""
    own = own_providers(os.environ)
    return ", ".join(_provider(name, known) for name, known in own.items()) or "no own ones"


def _provider(name: str, known: Known) -> str:
    variable = next(iter(known.keys), "")
    key = f", {variable} is {'set' if os.environ.get(variable) else 'not set'}" if variable else ""
    return f"{name} at {known.address}{key}"


def _words_of(problem: Problem) -> str:
    return f"{problem.place}: {problem.message}" if problem.place else problem.message


def _programs() -> str:
    found = {name: shutil.which(name) for name in ("sh", "git")}
    missing = [name for name, path in found.items() if path is None]
    return f"{', '.join(missing)} not found: nodes that run them will fail" if missing else "sh, git"


def _examine(path: Path) -> Iterator[Finding]:
    """What is wrong with the database, and that the rest is well. Nothing in it or beside it changes."""
    if is_missing(path):
        yield Finding("database", f"{path} is not there yet; the first run makes it")
        return
    try:
        yield from around(path)
        inside = Inside(path)
    except StoreError as error:
        yield Finding("database", error.message, _help(error, BEYOND), ok=False)
        return
    try:
        yield from _inside(inside, path)
    finally:
        inside.close()


def _inside(inside: Inside, path: Path) -> Iterator[Finding]:
    yield from _checked("database", f"{path} is whole", inside.check_pages, inside.check_references)
    if inside.outdated:
        yield Finding("version", OLDER.format(inside.version))
        return
    yield from _checked("values", "files and large values are whole", inside.check_blobs)
    yield from _each("versions", inside.versions(), lambda hash_: _version(inside.store, hash_))
    yield from _each("runs", inside.runs(), lambda run: _run(inside.store, run))


def _help(error: StoreError, instead: str) -> str:
    """What can be done; other commands send to this one, which is no help here."""
    return instead if error.hint in {"", ask_doctor()} else error.hint


def _checked(name: str, words: str, *checks: Callable[[], object]) -> Iterator[Finding]:
    well = True
    for check in checks:
        try:
            check()
        except StoreError as error:
            well = False
            yield Finding(name, error.message, _help(error, SAVING), ok=False)
    if well:
        yield Finding(name, words)


def _each(name: str, ones: Iterator[str], examined: Callable[[str], Iterator[Finding]]) -> Iterator[Finding]:
    """What is found of each, and how many are whole. Where their list ends too early, that is said instead."""
    number = damaged = 0
    try:
        for one in ones:
            found = list(examined(one))
            number += 1
            damaged += any(not finding.ok for finding in found)
            yield from found
    except StoreError as error:
        yield Finding(name, f"{error.message}; after {number} of them", SAVING, ok=False)
    else:
        words = f"{number - damaged} of {number} are whole" if damaged else f"{number}, whole"
        yield Finding(name, words, SAVING if damaged else "", ok=not damaged)


def _version(store: Store, hash_: str) -> Iterator[Finding]:
    for fault in version_faults(store, hash_):
        yield wrong(f"version {hash_[:SHORT]}", fault)


def _run(store: Store, run: str) -> Iterator[Finding]:
    faults = run_faults(store, run)
    for fault in faults:
        yield wrong(f"run {run}", fault)
    if not faults and was_left(store.run(run)):
        words = (
            f"whole, but nobody drives it: {resume_command(run)} goes on with it, {command_line('cancel', run)} ends it"
        )
        yield Finding(f"run {run}", words)
