"""A run that is put through faults: `wf` as a user has it, what it told, what its steps did, and what must hold."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from select import select
from signal import SIGKILL
from typing import IO, Any

import pytest

from runner.cli import main
from runner.ground.errors import StoreError
from runner.record.store.contract import RunRow, RunUnknown
from runner.record.store.driver import sqlite3
from runner.record.store.sqlite import open_store
from runner.seeing.subscribers.lines import event_lines

WF = str(Path(sys.executable).with_name("wf"))
PROC = Path("/proc")

PATIENCE = 120.0
"""Seconds within which any process here ends, however slow the machine (I9)."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Flow:
    """A workflow to be tried: its files, its outputs, and how often each of its steps leaves its mark.

    `given` are the words that begin it beside its file, `answers` those that every command has which drives it;
    `writes` are the files that it leaves. One that `asks` a model over the network is driven in processes of its own:
    what asks is not loaded into this one.
    """

    files: Mapping[str, str]
    outputs: Mapping[str, Any]
    effects: Mapping[str, int]
    given: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    writes: frozenset[str] = frozenset()
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; a negative code is the signal that killed it."""

    code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.stdout}{self.stderr}"


@dataclass
class Trial:
    """One run in a folder of its own. `told` are the events that were printed, each once it had been recorded."""

    folder: Path
    flow: Flow
    run: str = field(default_factory=lambda: f"t{os.getpid()}-{next(_numbers)}")
    told: list[dict[str, Any]] = field(default_factory=list)
    crashes: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.flow.files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    @property
    def database(self) -> Path:
        return self.folder / ".wf" / "wf.db"

    @property
    def beginning(self) -> tuple[str, ...]:
        """The words that begin the run."""
        return ("run", "flow.yaml", "--run-id", self.run, "--events", *self.flow.given, *self.flow.answers)

    @property
    def resumption(self) -> tuple[str, ...]:
        """The words that go on with it."""
        return ("resume", self.run, "--events", *self.flow.answers)

    def begin(self, before: Sequence[str] = (), **how: Any) -> Ended:
        """`wf run`, behind what is to happen to it; what it tells is remembered."""
        return self.heed(self.wf(*self.beginning, before=before, **how))

    def resume(self, before: Sequence[str] = (), **how: Any) -> Ended:
        """`wf resume`, likewise."""
        return self.heed(self.wf(*self.resumption, before=before, **how))

    def wf(self, *words: str, before: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Ended:
        """One `wf` command, to its end."""
        with self.start(*words, before=before, env=env) as process:
            try:
                stdout, stderr = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return _sound(Ended(process.returncode, stdout, stderr))

    def here(self, *words: str) -> Ended:
        """One `wf` command in this very process, which has loaded all that it needs: where no fault is to strike."""
        if self.flow.asks:
            return self.wf(*words)
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
            tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["wf", *words])
            patch.setattr(sys, "stdout", stdout)
            patch.setattr(sys, "stderr", stderr)
            with pytest.raises(SystemExit) as exited:
                main()
            return _sound(Ended(int(exited.value.code or 0), *map(_content, (stdout, stderr))))

    def start(
        self, *words: str, before: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """A `wf` command, under way."""
        return subprocess.Popen(
            [*before, WF, *words],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def heed(self, ended: Ended) -> Ended:
        """Remember the events that a process told: all whole lines of JSON."""
        for line in ended.stdout.splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                self.told.append(json.loads(line))
        self.crashes += ended.code not in (0, 1, 2, 3)
        return ended

    def recover(self) -> None:
        """What a user does after a crash: resume, or run it again if it had not come as far as being a run."""
        ended = self.heed(self.here(*self.resumption))
        if ended.code in {2, 5} and any(words in ended.stderr for words in ("no run", "is empty: if it held runs")):
            assert self.told == [], "a run that told something is gone"
            ended = self.heed(self.here(*self.beginning))
        assert ended.code == 0 or (ended.code, self.has_ended) == (2, True), ended

    @property
    def has_ended(self) -> bool:
        """Whether the run is recorded as ended."""
        return bool(self.recorded()[-1]["type"] == "run_ended")

    def check(self) -> None:
        """All that must hold once the run has been completed (the invariants I1 to I6)."""
        assert integrity(self.database) == []
        recorded = self.recorded()
        assert [line for line in self.told if recorded[line["seq"] - 1] != line] == [], "told, but not recorded"
        self._check_effects(recorded)
        self._check_end(recorded)
        assert processes_of(self.run) == []
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}
        marks = {"effects"} if self.flow.effects else set()
        assert found - {"go"} == {".wf", ".wf/wf.db", ".wf/wf.db-turn", *marks, *self.flow.files, *self.flow.writes}

    def open_gate(self) -> Trial:
        """Let the run go on where it waits for that."""
        (self.folder / "go").touch()
        return self

    def remove(self) -> None:
        """Make place for the next."""
        shutil.rmtree(self.folder)

    def row(self) -> RunRow | None:
        """How the run stands in the list of runs; None when it is not there yet."""
        try:
            store = open_store(self.database, create=False)
        except StoreError:  # it is only just being made
            return None
        try:
            return store.run(self.run)
        except RunUnknown:
            return None
        finally:
            store.close()

    def recorded(self) -> list[dict[str, Any]]:
        """All events of the run."""
        store = open_store(self.database, create=False)
        lines = [json.loads(line) for commit in store.commits(self.run) for line in event_lines(commit)]
        store.close()
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        return lines

    @property
    def effects(self) -> Counter[str]:
        """How often each step has left its mark."""
        path = self.folder / "effects"
        return Counter(path.read_text(encoding="utf-8").split()) if path.exists() else Counter()

    def has_begun(self, step: str, times: int = 1) -> bool:
        """Whether a step has left its mark so many times."""
        return self.effects[step] >= times

    def _check_effects(self, recorded: Iterable[Mapping[str, Any]]) -> None:
        attempts, ends = Counter[str](), Counter[str]()
        for event in recorded:
            if event["type"] == "step_started" and event.get("attempt"):
                attempts[event["step"]] += 1
            elif event["type"] == "attempt_started":
                assert not ends[event["step"]], f"{event['step']} had completed, and was started again"
                attempts[event["step"]] += 1
            elif event["type"] == "step_ended":
                ends[event["step"]] += 1
        effects = self.effects
        assert dict.fromkeys(self.flow.effects, 1) == {step: ends[step] for step in self.flow.effects}
        assert set(effects) == set(self.flow.effects)
        for step, times in self.flow.effects.items():
            most = times + attempts[step] - 1
            assert times <= effects[step] <= most, f"{step}: {effects[step]} effects in {attempts[step]} attempts"
            assert attempts[step] <= self.crashes + 1, f"{step}: {attempts[step]} attempts, {self.crashes} crashes"

    def _check_end(self, recorded: Sequence[Mapping[str, Any]]) -> None:
        ends = [event for event in recorded if event["type"] == "run_ended"]
        assert [(event["status"], event["outputs"]) for event in ends] == [("completed", self.flow.outputs)]
        store = open_store(self.database, create=False)
        row = store.run(self.run)
        store.close()
        assert row.status == "completed"


def _sound(ended: Ended) -> Ended:
    assert "Traceback" not in ended.stderr, ended
    assert "internal error" not in ended.stderr, ended
    return ended


def _content(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()


class Crash:
    """What a killed run has left, to be recovered from as often as one likes."""

    def __init__(self, trial: Trial, kept: Path) -> None:
        self._trial = trial
        self._kept = kept
        until(lambda: not killed(processes_of(trial.run)))
        shutil.copytree(trial.folder, kept)

    def again(self) -> Trial:
        """The killed run, as it was left, in its old place."""
        shutil.rmtree(self._trial.folder)
        shutil.copytree(self._kept, self._trial.folder)
        return replace(self._trial, told=list(self._trial.told))


def killed(processes: list[int]) -> list[int]:
    """The processes, each of which has been killed if it had not just ended."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, SIGKILL)
    return processes


def until(condition: Callable[[], object]) -> None:
    """Wait for what is sure to come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        select([], [], [], 0.01)


def integrity(database: Path) -> list[str]:
    """What SQLite finds wrong with a database."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as error:
        return [str(error)]
    finally:
        connection.close()
    return [line for line in found if line != "ok"] + [str(row) for row in strays]


def processes_of(run: str) -> list[int]:
    """The processes that are still there of a run's steps."""
    mark = f"WF_RUN_ID={run}".encode()
    found = []
    for path in PROC.glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        if mark in environment:
            found.append(int(path.parent.name))
    return found
