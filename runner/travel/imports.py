"""A run taken in from an exported file, which may mean no good: all of it is checked before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn

import msgspec
from msgspec.structs import replace

from runner.engine.loading import load_recorded
from runner.engine.runs import checked_run_id
from runner.ground.errors import ErrorType, InvalidWorkflow, StoreError, UsageError
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.language.source import LARGEST_FILE as LARGEST_TEXT
from runner.record.definitions import definition_of, texts_of
from runner.record.events import AnyEvent, Commit, RunForked, RunResumed, RunStarted
from runner.record.fold import IMPOSSIBLE, apply
from runner.record.projection import Projector
from runner.record.run_state import RunState
from runner.record.snapshot import encode_state
from runner.record.store.contract import Definition, Rows, RunRow, RunUnknown, Snapshot, Store
from runner.record.store.rules import Standing, taken_id
from runner.record.store.tables import PROJECTED
from runner.travel.exports import FORMAT, Header, LastLine, Line, Recorded, Version, versions_named
from runner.workflow.compiler import RecordedFiles
from runner.workflow.compiler.files import PATTERN
from runner.workflow.model import Loaded

LARGEST_FILE = 1 << 30
LONGEST_LINE = 1 << 28
"""Bytes that a file may have, and one of its lines."""

DEEPEST = 300
"""Levels that lists and objects of a line may be nested in one another."""

LONGEST_PATH = 1024
LARGEST_INTEGER = 2**63 - 1

_decode: Callable[[bytes], Line] = msgspec.json.Decoder(Line).decode


class _Error(msgspec.Struct):
    """An error as events have it."""

    type: ErrorType
    message: str
    step: str
    attempt: int
    retryable: bool
    details: dict[str, Json]


class _Mock(msgspec.Struct):
    file: str
    replies: dict[str, Json]


class _Options(msgspec.Struct):
    """What of a run's options the engine relies on."""

    folder: str = ""
    models: dict[str, str] = {}
    allow: dict[str, list[str]] = {}
    deny: dict[str, list[str]] = {}
    agents: dict[str, str] = {}
    mock: _Mock | None = None
    nonce: str = ""


class Export:
    """An exported file that is open, read as the run `run` ("": its own id), which works in `folder` from now on."""

    def __init__(self, file: BinaryIO, name: str, run: str, folder: str) -> None:
        self._file = file
        self._name = name
        self._folder = folder
        self._number = 0
        self._digest = b""
        self.run = run

    def lines(self) -> Iterator[Line]:
        """Its lines. Raises UsageError when one is none of ours, or it is not the same as when it was read before."""
        self._file.seek(0)
        digest, size = sha256(), 0
        for self._number in count(1):
            raw = self._file.readline(LONGEST_LINE + 1)
            size += len(raw)
            if len(raw) > LONGEST_LINE or size > LARGEST_FILE:
                self.refuse("it is too large")
            if not raw:
                break
            digest.update(raw)
            yield self._parsed(raw)
        if self._digest not in {b"", digest.digest()}:
            self.refuse("it was changed while it was read")
        self._digest = digest.digest()

    def _parsed(self, raw: bytes) -> Line:
        try:
            if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_deep(msgspec.json.decode(raw)):
                self.refuse(f"it is nested deeper than {DEEPEST} levels")
            return _decode(raw)
        except msgspec.ValidationError as error:
            self.refuse(f"this is no line of an exported run: {one_line(str(error), 200)}")
        except RecursionError:
            self.refuse(f"it is nested deeper than {DEEPEST} levels")
        except (msgspec.MsgspecError, ValueError):
            self.refuse("this is no line of an exported run: it is not JSON")

    def commits(self) -> Iterator[Commit]:
        """Its commits, as those of the run that it becomes."""
        return (self.commit(line) for line in self.lines() if isinstance(line, Recorded))

    def commit(self, line: Recorded) -> Commit:
        """A commit, as one of the run that it becomes."""
        events = tuple(_anchored(event, self._folder) for event in line.events)
        return Commit(self.run, line.first, events, line.at, line.epoch)

    def definition(self, version: Version) -> Definition:
        """A version, as it stands in the folder that the run works in from now on."""
        return Definition(version.hash, "", "", version.file, self._folder, version.files)

    def refuse(self, why: str) -> NoReturn:
        """Refuse the file, for what stands in the line that was read last."""
        raise UsageError(f"{self._name}:{self._number}: {why}", "nothing was written")


def _is_deep(value: Json) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for ones in inner for one in ones if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def _anchored(event: AnyEvent, folder: str) -> AnyEvent:
    """The event of a run that works in `folder` now, with the files of agents in the place that they had to the old.

    The programs that it began with are those of another machine.
    """
    if not isinstance(event, RunStarted | RunForked | RunResumed):
        return event
    options = {name: value for name, value in event.options.items() if name != "programs"}
    if "folder" not in options:
        return replace(event, options=options)
    options["folder"] = folder
    if isinstance(options.get("agents"), dict):
        old = str(event.options["folder"])
        options["agents"] = {name: _moved(str(path), old, folder) for name, path in options["agents"].items()}
    return replace(event, options=options)


def _moved(path: str, old: str, new: str) -> str:
    return os.path.normpath(Path(new, os.path.relpath(path, old)))


class CheckedExport(msgspec.Struct, frozen=True):
    """An export that was found to be a run of ours: the run's state, its tables' rows, the versions that it goes by."""

    export: Export
    state: RunState
    rows: Rows
    versions: Sequence[Loaded]


def check_export(export: Export) -> CheckedExport:
    """Read an export from its beginning to its end. Raises UsageError unless it is a run that could have been."""
    follower = _Follower(export)
    for line in export.lines():
        follower.take(line)
    if not follower.over:
        export.refuse("its end is missing: the file was cut off")
    return CheckedExport(export, follower.state, follower.rows(), tuple(follower.versions.values()))


def take_in(store: Store, checked: CheckedExport) -> RunRow:
    """Make a run of what was exported; it is nobody's. Raises UsageError when a run of that id is there; StoreError."""
    export = checked.export
    if _has(store, export.run):
        raise taken_id(export.run)
    for loaded in checked.versions:
        store.save_definition(definition_of(loaded))
    store.adopt(export.commits())
    row = store.run(export.run)
    store.save_snapshot(
        Snapshot(row.id, row.events, row.updated_at, encode_state(checked.state)), checked.rows, row.epoch
    )
    return row


def _has(store: Store, run: str) -> bool:
    try:
        store.run(run)
    except RunUnknown:
        return False
    return True


class _Follower:
    """Follows an export's lines, and refuses what no run of its workflow could have recorded."""

    def __init__(self, export: Export) -> None:
        self.state = RunState()
        self.versions: dict[str, Loaded] = {}
        self.over = False
        self._export = export
        self._projector = Projector(self.state)
        self._definitions: dict[str, Definition] = {}
        self._begun = False
        self._standing = Standing()

    def rows(self) -> Rows:
        """The rows of the run's tables. Raises UsageError when they hold what no table can."""
        try:
            rows = self._projector.take()
        except IMPOSSIBLE:
            self._export.refuse("what its models were asked or have replied is none of ours")
        for name, table in rows.items():
            plain = [column for column in PROJECTED[name].columns if column not in PROJECTED[name].json]
            for value in (row.get(column) for row in table for column in plain):
                self._check_column(value)
        return rows

    def _check_column(self, value: Json) -> None:
        """Refuse what no column of plain values can hold."""
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            self._export.refuse("a number in it does not fit 64 bits")
        if isinstance(value, list | dict):
            self._export.refuse("there is a list or an object in it where a plain value belongs")

    def take(self, line: Line) -> None:
        """The next line."""
        if self._begun == isinstance(line, Header):
            self._export.refuse("an exported run has one header, in its first line")
        if self.over:
            self._export.refuse("there is more after its end")
        match line:
            case Header():
                self._header(line)
            case Version():
                self._version(line)
            case Recorded():
                self._commit(self._export.commit(line))
            case LastLine():
                self._end(line)

    def _header(self, line: Header) -> None:
        if line.format != FORMAT:
            by = "a newer wf: update wf" if line.format > FORMAT else "no wf"
            self._export.refuse(f"this is format {line.format} of exported runs, written by {by}")
        self._export.run = self._export.run or checked_run_id(line.run)
        self._begun = True

    def _version(self, line: Version) -> None:
        if line.hash in self._definitions:
            self._export.refuse("this version came before")
        if line.file not in line.files:
            self._export.refuse(f"its root file '{one_line(line.file)}' is not among its files")
        for place, text in line.files.items():
            if not _lies_inside(place):
                self._export.refuse(f"the file '{one_line(place)}' does not lie inside the workflow's folder")
            if len(text) > LARGEST_TEXT:
                self._export.refuse(f"the file '{one_line(place)}' is too large")
        self._definitions[line.hash] = self._export.definition(line)

    def _commit(self, commit: Commit) -> None:
        unknown = next((hash_ for hash_ in versions_named(commit) if hash_ not in self._definitions), None)
        if unknown is not None:
            self._export.refuse(f"it goes by the version {one_line(unknown, 12)}, which no line before has given")
        try:
            self._standing.add(commit)
            self._fold(commit)
        except IMPOSSIBLE:
            self._export.refuse("its events do not follow from those before")
        except StoreError as error:
            self._export.refuse(error.message)

    def _fold(self, commit: Commit) -> None:
        self.state.tick(commit.at)
        for event in commit.events:
            if not _is_error(getattr(event, "error", None)):
                self._export.refuse("an error in it is none of ours")
            apply(self.state, event)
            if isinstance(event, RunStarted | RunForked | RunResumed):
                self._go_by(event)
        self._projector.add(commit, self.state)

    def _go_by(self, event: RunStarted | RunForked | RunResumed) -> None:
        """Take the version that the run goes by from here on, with what its options make of it."""
        loaded = self._loaded(self.state.definition)
        workflow = loaded.workflow
        if event.definition and event.version != workflow.version:
            self._export.refuse("the run's version is not that of its workflow")
        if not isinstance(event, RunResumed) and event.workflow != workflow.name:
            self._export.refuse("the run's workflow is not the one that its file names")
        if isinstance(event, RunStarted) and (event.inputs.keys(), event.state.keys()) != (
            workflow.inputs.keys(),
            workflow.state.keys(),
        ):
            self._export.refuse("the run's inputs or state are not those of its workflow")

    def _loaded(self, hash_: str) -> Loaded:
        path, texts = texts_of(self._definitions[hash_])
        try:
            loaded = load_recorded(path, RecordedFiles(texts), self._options())
        except InvalidWorkflow as error:
            self._export.refuse(f"its workflow is invalid: {one_line(error.problems[0].message, 300)}")
        if loaded.hash != hash_:
            self._export.refuse(f"its workflow is not the one of hash {one_line(hash_, 12)}")
        self.versions.setdefault(hash_, loaded)
        return loaded

    def _options(self) -> Mapping[str, Json]:
        try:
            msgspec.convert(self.state.options, _Options)
        except msgspec.ValidationError as error:
            self._export.refuse(f"its options are none of a run: {one_line(str(error), 200)}")
        return self.state.options

    def _end(self, line: LastLine) -> None:
        if line.last != self._standing.last:
            self._export.refuse("it does not end where it says: lines are missing")
        self.over = True


def _is_error(error: dict[str, Json] | None) -> bool:
    """Whether this is an error, or none; what failed a called workflow holds another one."""
    if error is None:
        return True
    try:
        details = msgspec.convert(error, _Error).details
    except msgspec.ValidationError:
        return False
    return error["type"] != "workflow_failed" or _is_error(details.get("error"))


def _lies_inside(place: str) -> bool:
    """Whether a file of a definition lies inside its folder, by its path alone, or is a bundled pattern."""
    if place.startswith(PATTERN):
        return place.removeprefix(PATTERN).replace("-", "").replace("_", "").isalnum()
    path = PurePosixPath(place)
    plain = place.isprintable() and 0 < len(place) <= LONGEST_PATH and "\\" not in place
    return plain and not path.is_absolute() and ".." not in path.parts and os.path.normpath(place) == place
