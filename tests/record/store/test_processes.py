"""Several processes on one database, and what a killed one leaves."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from runner.record.store.sqlite import SqliteStore, open_store
from tests.record.store.processes import finish, start
from tests.record.store.samples import DEFINITION, begin, events, following


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wf.db"


def opened(path: Path) -> SqliteStore:
    store = open_store(path, durability="normal")
    assert isinstance(store, SqliteStore)
    store.save_definition(DEFINITION)
    return store


def is_whole(store: SqliteStore) -> bool:
    checks = ("PRAGMA integrity_check", "PRAGMA foreign_key_check")
    found = [store._session.read(check) for check in checks]
    return found == [[("ok",)], []]


@pytest.mark.parametrize("durability", ["full", "normal"])
@pytest.mark.parametrize("acknowledged", [1, 40, 333])
def test_a_killed_writer_leaves_all_that_it_was_told_is_recorded(
    path: Path, durability: str, acknowledged: int
) -> None:
    writer = start("write", path, "run", 1_000_000, durability)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(acknowledged)][-1]
    writer.kill()
    told = max([told, *map(int, finish(writer, code=-signal.SIGKILL))])
    store = opened(path)
    assert is_whole(store)
    commits = list(store.commits("run"))
    last = commits[-1].last
    assert last >= told  # what it said after the last line that was read here counts too
    assert [commit.events for commit in commits[1:]] == [events(number) for number in range(3, last + 1)]
    store.append(following(last + 1))
    store.close()


def test_processes_that_write_their_own_runs_do_not_disturb_each_other(path: Path) -> None:
    runs = [f"run-{number}" for number in range(4)]
    for writer in [start("write", path, run, 150, "normal") for run in runs]:
        finish(writer)
    store = opened(path)
    assert is_whole(store)
    for run in runs:
        assert [commit.last for commit in store.commits(run)] == list(range(2, 151))
    store.close()


def test_processes_that_append_to_one_run_never_fork_its_history(path: Path) -> None:
    store = opened(path)
    begin(store)
    for process in [start("contend", path, "run", 60) for _ in range(4)]:
        assert finish(process) == ["60"]
    assert [commit.last for commit in store.commits("run")] == list(range(2, 2 + 4 * 60 + 1))
    assert is_whole(store)
    store.close()


def test_of_eight_processes_that_claim_a_run_one_has_it(path: Path) -> None:
    store = opened(path)
    begin(store)
    claimers = [start("claim", path, "run", 1) for _ in range(8)]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    said = [finish(claimer)[0] for claimer in claimers]
    assert sorted(said) == ["lost RunBusy"] * 7 + ["won 2"]
    assert store.run("run").epoch == 2
    store.close()


def test_messages_from_many_processes_all_arrive_each_senders_in_order(path: Path) -> None:
    store = opened(path)
    begin(store)
    for process in [start("post", path, "run", 40) for _ in range(4)]:
        finish(process)
    messages = store.inbox("run")
    assert [message.id for message in messages] == sorted({message.id for message in messages})
    senders = {message.target for message in messages}
    assert len(senders) == 4
    for sender in senders:
        assert [message.value for message in messages if message.target == sender] == list(range(40))
    store.close()


def test_a_file_size_limit_stops_a_run_with_a_word_and_without_harm(path: Path) -> None:
    said = finish(start("fill", path, "run", 400_000))
    assert said[1].startswith(f"{path} can't be used: the disk reports an error") or "disk is full" in said[1]
    store = opened(path)
    assert is_whole(store)
    assert store.run("run").events == int(said[0])
    store.append(following(int(said[0]) + 1))
    store.close()


def test_a_migration_that_is_killed_leaves_the_old_version(path: Path) -> None:
    store = opened(path)
    begin(store, 5)
    store.close()
    assert finish(start("die_migrating", path), code=-signal.SIGKILL) == []
    again = opened(path)
    assert is_whole(again)
    assert again.run("run").events == 5
    assert again._session.read("SELECT 1 FROM sqlite_master WHERE name = 'half'") == []
    again.close()


def test_processes_that_make_the_same_new_database_all_can_use_it(path: Path) -> None:
    for process in [start("write", path, f"run-{number}", 4, "full") for number in range(6)]:
        assert finish(process) == ["3", "4"]
    store = opened(path)
    assert len(store.runs()) == 6
    assert is_whole(store)
    store.close()
