"""A run is copied while it goes on: exported, and its database by SQLite's own backup. Each copy is a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.record.store.driver import sqlite3
from tests.torture.conftest import Share
from tests.torture.flows import FILLING
from tests.torture.trial import Trial, integrity

EVENTS = range(5, 300, 6)
"""After so many events a copy is made."""


@pytest.mark.row("R26", parts=2)
def test_a_run_that_goes_on_can_be_exported_at_any_moment(share: Share, place: Path) -> None:
    trial = Trial(place / "going", FILLING)
    copies = copied(trial, share, lambda name: exported(trial, place / name))
    for file, told in copies:
        imported = Trial(place / f"of-{file.name}", FILLING, trial.run)
        assert imported.here("import", str(file)).code == 0
        compare(imported, trial, told)
        assert imported.has_ended or imported.here(*imported.resumption).code == 0
        end = imported.recorded()[-1]
        assert (end["type"], end["outputs"]) == ("run_ended", FILLING.outputs)
        imported.remove()


@pytest.mark.row("R26", parts=2)
def test_the_database_of_a_run_that_goes_on_can_be_backed_up_at_any_moment(share: Share, place: Path) -> None:
    trial = Trial(place / "going", FILLING)
    copies = copied(trial, share, lambda name: backed_up(trial, place / name))
    for folder, told in copies:
        copy = Trial(folder, FILLING, trial.run)
        assert integrity(copy.database) == []
        compare(copy, trial, told)
        copy.remove()


def copied(trial: Trial, share: Share, copy: Any) -> list[tuple[Path, int]]:
    """The copies that were made while the run went on, each with how many events had been told before."""
    copies = []
    with trial.start(*trial.beginning) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for number in share.of(EVENTS, sample=2):
            while len(trial.told) < number:
                trial.told.append(json.loads(process.stdout.readline()))
            copies.append((copy(f"copy-{number}"), number))
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait() == 0, process.stderr.read()
    trial.told += rest
    trial.check()
    return copies


def exported(trial: Trial, file: Path) -> Path:
    assert trial.here("export", trial.run, "-o", str(file)).code == 0
    return file


def backed_up(trial: Trial, folder: Path) -> Path:
    database = folder / ".wf" / "wf.db"
    database.parent.mkdir(parents=True)
    source, target = sqlite3.connect(trial.database), sqlite3.connect(database)
    source.backup(target, pages=8)
    target.close()
    source.close()
    return folder


def compare(copy: Trial, trial: Trial, told: int) -> None:
    """A copy holds the beginning of a run, and at least what had been told."""
    held, whole = copy.recorded(), trial.recorded()
    assert held[1:] == whole[1 : len(held)]  # the first names the folder, which is another where it was imported
    assert len(held) >= told
