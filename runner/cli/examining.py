"""All that `wf doctor` has to say of a database. Nothing in it or beside it changes, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from runner.cli.printing import resume_command
from runner.cli.stored import SHORT, was_left
from runner.ground.errors import StoreError
from runner.record.soundness import run_faults, version_faults
from runner.record.store.contract import Store
from runner.record.store.health import Finding, Inside, around, wrong
from runner.record.store.payload import DOCTOR
from runner.record.store.sqlite import is_missing

SAVING = "keep a copy of the file; `wf export` saves a run whose events are whole, `wf import` takes it in elsewhere"
BEYOND = "nothing in it can be read: put it back from a copy, or go on with another by --db"
OLDER = "made by an older wf, as version {}: the next command that uses it brings it up to date, then runs are checked"


def examine(path: Path) -> Iterator[Finding]:
    """What is wrong, and that the rest is well."""
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
    return instead if error.hint in {"", DOCTOR} else error.hint


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
        yield Finding(f"run {run}", f"its process is gone; {resume_command(run)} goes on with it")
