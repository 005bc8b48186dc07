"""A run as a file of JSON lines: a header, its commits, each after the versions that it first names, and an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from runner.engine.cassettes import recorded_cassette
from runner.engine.runs import not_ours
from runner.ground.plain import harmless_json
from runner.nodes.contract import StepFailed
from runner.record.events import AnyEvent, Commit, RunForked, RunResumed, RunStarted
from runner.record.fold import IMPOSSIBLE
from runner.record.store.contract import Store
from runner.world.providers.cassette import cassette_text

FORMAT = 1
"""The version of this format; a newer one is refused."""

_LATEST = 253_402_300_799
"""The last second that calendars have a date for (of the year 9999), since the epoch."""

Moment = Annotated[float, msgspec.Meta(ge=0, le=_LATEST)]
Count = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]


class Header(msgspec.Struct, frozen=True, tag_field="line", tag="wf export"):
    """What file this is."""

    format: int
    run: str


class Version(msgspec.Struct, frozen=True, tag_field="line", tag="version"):
    """A version of a workflow that the run goes by: its files' texts by path, relative to the root file's folder."""

    hash: str
    file: str
    files: dict[str, str]


class Recorded(msgspec.Struct, frozen=True, tag_field="line", tag="commit"):
    """A commit, whoever recorded it: that of a past which was shared is the run's own here."""

    first: Count
    at: Moment
    epoch: Count
    events: tuple[AnyEvent, ...]


class LastLine(msgspec.Struct, frozen=True, tag_field="line", tag="end"):
    """The number of the last event: the file has not been cut off."""

    last: Count


Line = Header | Version | Recorded | LastLine


def exported(store: Store, run: str) -> Iterator[bytes]:
    """A run's lines, as of one moment. Secrets are in them as the references that events hold.

    What waits in its inbox is not in them. Raises RunUnknown, StoreError.
    """
    with store.moment():
        row = store.run(run)
        yield _line(Header(FORMAT, run))
        known: set[str] = set()
        for commit in store.commits(run):
            new = dict.fromkeys(hash_ for hash_ in versions_named(commit) if hash_ not in known)
            yield from (_line(_version(store, hash_)) for hash_ in new)
            known.update(new)
            yield _line(Recorded(commit.first, commit.at, commit.epoch, commit.events))
        yield _line(LastLine(row.events))


def exported_cassette(store: Store, run: str, *, commands: bool) -> Iterator[bytes]:
    """The cassette of a run, as of one moment. Raises RunUnknown, StoreError."""
    with store.moment():
        try:
            cassette = recorded_cassette(store, run, commands=commands)
        except (*IMPOSSIBLE, StepFailed) as error:
            raise not_ours(run, error) from error
        yield cassette_text(cassette).encode()


def versions_named(commit: Commit | Recorded) -> Iterator[str]:
    """The versions that a run begins to go by with these events."""
    for event in commit.events:
        if isinstance(event, RunStarted | RunForked | RunResumed) and event.definition:
            yield event.definition


def _version(store: Store, hash_: str) -> Version:
    found = store.definition(hash_)
    return Version(found.hash, found.file, dict(found.files))


def _line(line: Line) -> bytes:
    return harmless_json(msgspec.json.encode(line).decode()).encode() + b"\n"
