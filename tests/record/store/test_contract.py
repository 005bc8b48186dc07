"""What every store must do: the one suite that each implementation passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from runner.ground.errors import EXIT_STORE, EXIT_USAGE, RunBusy, StoreError, UsageError
from runner.ground.json_value import Json
from runner.record.events import Commit, RunEnded, RunPaused, RunResumed, RunStarted, StepEnded, encode
from runner.record.store.contract import (
    Definition,
    Fenced,
    HistoryMoved,
    Message,
    NodeRow,
    Rows,
    RunUnknown,
    Snapshot,
    Store,
)
from tests.record.store.conftest import Opener
from tests.record.store.samples import DEFINITION, OTHER, OWNER, begin, events, first, following

HOSTILE_TEXT = ["", "'", '"', "' OR '1'='1", "x'; DROP TABLE runs; --", "%", "_", "\x00", "\ud800", "é", "a" * 5000]

VALUES: list[Json] = [
    None,
    True,
    0,
    -(2**63),
    2**70,
    1.5,
    -0.0,
    1e300,
    "",
    "é\x00\u2028\U0001f600",
    "\\ud800",
    [],
    {},
    [None, [1, {"a": []}]],
    {"": {"a b": 1, "é": None}},
    {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}},
    {"__class__": "os.system", "py/object": "builtins.eval", "__reduce__": ["os.system", ["true"]]},
    {"type": "run_ended", "status": "failed"},
    {"$ref": "file:///etc/passwd", "$blob": "0" * 64},
]


def with_output(number: int, output: Json, run: str = "run") -> Commit:
    return Commit(run, number, (StepEnded("a", "completed", output=output),), 1.0)


def history(store: Store, run: str = "run") -> list[Commit]:
    return list(store.commits(run))


# --- definitions


def test_a_definition_is_read_as_it_was_saved(store: Store) -> None:
    read = store.definition("hash")
    assert read == DEFINITION
    assert list(read.files) == list(DEFINITION.files)


def test_a_definition_saved_again_changes_nothing(store: Store) -> None:
    store.save_definition(Definition("hash", "other", "2", "x", "/", {"x": ""}))
    assert store.definition("hash") == DEFINITION


def test_a_definition_does_not_change_with_what_it_was_made_of(store: Store) -> None:
    files, nodes = {"a": "1"}, [NodeRow("a", "a", "", "")]
    store.save_definition(Definition("h2", "flow", "1", "a", "/", files, nodes))
    files["a"] = "changed"
    nodes.clear()
    assert store.definition("h2").files == {"a": "1"}
    assert list(store.definition("h2").nodes) == [NodeRow("a", "a", "", "")]


@pytest.mark.parametrize("hash_", ["nope", *HOSTILE_TEXT])
def test_an_unknown_definition_is_an_error(store: Store, hash_: str) -> None:
    with pytest.raises(StoreError, match="not recorded here"):
        store.definition(hash_)


# --- beginning a run


def test_a_run_begins_with_its_first_commit(store: Store) -> None:
    size = store.create(first(), OWNER)
    assert 0 < size <= len(encode(first().events))
    assert history(store) == [first()]
    row = store.run("run")
    assert (row.id, row.workflow, row.version, row.definition) == ("run", "flow", "1.0.0", "hash")
    assert (row.status, row.created_at, row.updated_at, row.events) == ("running", 10.0, 10.0, 2)
    assert (row.epoch, row.owner, row.heartbeat) == (1, OWNER, 10.0)


def test_an_id_is_given_once(store: Store) -> None:
    begin(store, 3)
    with pytest.raises(UsageError, match="run 'run' exists already"):
        store.create(first(at=99.0), OTHER)
    assert store.run("run").owner == OWNER
    assert len(history(store)) == 2


def test_a_run_needs_the_definition_that_it_is_pinned_to(another: Opener) -> None:
    empty = another()
    with pytest.raises(StoreError, match="not recorded here"):
        empty.create(first(), OWNER)
    assert empty.runs() == []
    with pytest.raises(RunUnknown):
        history(empty)


@pytest.mark.parametrize(
    "commit",
    [
        Commit("run", 1, (), 1.0),
        Commit("run", 1, events(1), 1.0),
        Commit("run", 2, first().events, 1.0),
        Commit("run", 1, first().events, 1.0, epoch=2),
        Commit("run", 1, first().events[::-1], 1.0),
    ],
)
def test_a_run_begins_with_its_start_and_nothing_else(store: Store, commit: Commit) -> None:
    with pytest.raises(StoreError, match="can't begin"):
        store.create(commit, OWNER)
    assert store.runs() == []


def test_a_run_that_ends_in_its_first_commit_has_ended(store: Store) -> None:
    store.create(Commit("run", 1, (*first().events, RunEnded("completed")), 1.0), OWNER)
    assert store.run("run").status == "completed"


# --- appending


def test_commits_are_read_in_order_as_they_were_written(store: Store) -> None:
    store.create(first(), OWNER)
    written = [Commit("run", 3, events(3) + events(4), 11.25), following(5), following(6)]
    for commit in written:
        assert 0 < store.append(commit) <= len(encode(commit.events))
    assert history(store) == [first(), *written]
    assert store.run("run").events == 6
    assert store.run("run").updated_at == 16.0


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_every_json_value_stays_what_it_is(store: Store, value: Json) -> None:
    begin(store)
    store.append(with_output(3, value))
    *_, last = history(store)
    assert last == with_output(3, value)
    assert repr(last.events) == repr(with_output(3, value).events)


def test_a_value_of_ten_megabytes_is_kept(store: Store) -> None:
    begin(store)
    store.append(with_output(3, "x" * 10_000_000))
    assert history(store)[-1] == with_output(3, "x" * 10_000_000)


def nested(depth: int) -> Json:
    value: Json = None
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "output", ["\ud800", {"\udfff": 1}, nested(10_000), object()], ids=["text", "key", "deep", "object"]
)
def test_what_is_no_json_is_refused_and_nothing_is_written(store: Store, output: Json) -> None:
    begin(store)
    with pytest.raises(StoreError, match="can't be recorded"):
        store.append(with_output(3, output))
    with pytest.raises(StoreError, match="can't be recorded"):
        store.post(Message("run", "signal", 1.0, "go", output))
    with pytest.raises(StoreError, match="can't be recorded"):
        store.create(Commit("run2", 1, (RunStarted("flow", "1", "hash", {"a": output}, {}),), 1.0), OWNER)
    assert history(store) == [first()]
    assert store.inbox("run") == []
    assert len(store.runs()) == 1


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6, 100])
def test_a_commit_follows_the_last_event_or_is_refused(store: Store, number: int) -> None:
    begin(store, 3)
    with pytest.raises(HistoryMoved, match=f"event {number} can't follow event 3"):
        store.append(following(number))
    assert len(history(store)) == 2
    store.append(following(4))


def test_a_commit_that_overlaps_is_refused(store: Store) -> None:
    begin(store, 4)
    with pytest.raises(HistoryMoved):
        store.append(Commit("run", 4, events(4) + events(5), 1.0))
    assert store.run("run").events == 4


@pytest.mark.parametrize(("number", "count"), [(3, 0), (0, 1), (-1, 3)])
def test_a_commit_without_events_or_place_is_refused(store: Store, number: int, count: int) -> None:
    begin(store)
    with pytest.raises(StoreError, match="at least one event"):
        store.append(Commit("run", number, events(3) * count, 1.0))


@pytest.mark.parametrize("run", ["nope", *HOSTILE_TEXT])
def test_an_unknown_run_is_an_error_everywhere(store: Store, run: str) -> None:
    begin(store)
    uses: list[Callable[[], object]] = [
        lambda: store.append(following(3, run)),
        lambda: history(store, run),
        lambda: store.run(run),
        lambda: store.claim(run, OWNER, 1.0, 1),
        lambda: store.heartbeat(run, 1, 1.0),
        lambda: store.release(run, 1),
        lambda: store.post(Message(run, "signal", 1.0)),
        lambda: store.save_snapshot(Snapshot(run, 2, 1.0, {}), Rows(), 1),
    ]
    for use in uses:
        with pytest.raises(RunUnknown) as error:
            use()
        assert error.value.exit_code == EXIT_USAGE
        assert "SELECT" not in str(error.value)
    assert store.inbox(run) == []
    assert store.snapshot(run) is None
    assert store.projected(run, "steps") == []


def test_an_unknown_run_names_a_near_one(store: Store) -> None:
    begin(store, run="0n3x7k2p1")
    with pytest.raises(RunUnknown, match="did you mean '0n3x7k2p1'"):
        store.run("0n3x7k2pl")


def test_a_store_without_runs_says_so(store: Store) -> None:
    with pytest.raises(RunUnknown, match="there are no runs"):
        store.run("run")


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (RunPaused("waiting"), "paused"),
        (RunResumed(1), "running"),
        (RunEnded("completed"), "completed"),
        (RunEnded("failed"), "failed"),
        (RunEnded("cancelled"), "cancelled"),
    ],
)
def test_the_status_is_that_of_the_last_event_that_changed_it(store: Store, event: RunPaused, status: str) -> None:
    begin(store, 3)
    store.append(Commit("run", 4, (*events(4), event), 1.0))
    assert store.run("run").status == status
    assert [row.status for row in store.runs()] == [status]


def test_runs_do_not_see_each_other(store: Store) -> None:
    begin(store, 4, "a")
    begin(store, 2, "b")
    store.append(following(3, "b"))
    store.append(following(5, "a"))
    assert [commit.last for commit in history(store, "a")] == [2, 3, 4, 5]
    assert [commit.last for commit in history(store, "b")] == [2, 3]
    assert all(commit.run == "a" for commit in history(store, "a"))


# --- reading commits


@pytest.mark.parametrize(
    ("after", "upto", "lasts"),
    [
        (0, None, [2, 3, 6, 7]),
        (2, None, [3, 6, 7]),
        (3, 6, [6]),
        (0, 5, [2, 3]),
        (4, None, [7]),
        (7, None, []),
        (99, None, []),
        (0, 0, []),
        (6, 3, []),
    ],
)
def test_commits_between_two_events(store: Store, after: int, upto: int | None, lasts: list[int]) -> None:
    begin(store, 3)
    store.append(Commit("run", 4, events(4) * 3, 1.0))
    store.append(following(7))
    assert [commit.last for commit in store.commits("run", after, upto)] == lasts


def test_commits_that_come_while_others_are_read_do_no_harm(store: Store) -> None:
    begin(store, 20)
    seen = []
    for commit in store.commits("run"):
        seen.append(commit.last)
        if commit.last < 30:
            store.append(following(store.run("run").events + 1))
    assert seen[:19] == list(range(2, 21))
    assert seen == sorted(set(seen))


# --- the lease


def test_a_claim_gives_the_next_epoch_and_the_run_to_its_owner(store: Store) -> None:
    begin(store)
    assert store.claim("run", OTHER, 50.0, 1) == 2
    row = store.run("run")
    assert (row.epoch, row.owner, row.heartbeat) == (2, OTHER, 50.0)
    store.append(following(3, epoch=2))


def test_whoever_claims_on_old_news_is_refused(store: Store) -> None:
    begin(store)
    store.claim("run", OTHER, 50.0, 1)
    with pytest.raises(RunBusy, match="owned by process 43 on other") as error:
        store.claim("run", OWNER, 51.0, 1)
    assert error.value.exit_code == EXIT_STORE
    assert store.run("run").owner == OTHER


def test_a_process_that_lost_its_lease_writes_nothing_more(store: Store) -> None:
    begin(store, 3)
    store.claim("run", OTHER, 50.0, 1)
    fenced: list[Callable[[], object]] = [
        lambda: store.append(following(4)),
        lambda: store.append(Commit("run", 4, (RunEnded("failed"),), 1.0)),
        lambda: store.heartbeat("run", 1, 99.0),
        lambda: store.save_snapshot(Snapshot("run", 3, 1.0, {}), Rows(), 1),
    ]
    for write in fenced:
        with pytest.raises(Fenced, match="taken over by process 43 on other") as error:
            write()
        assert error.value.exit_code == EXIT_STORE
    row = store.run("run")
    assert (row.events, row.status, row.heartbeat) == (3, "running", 50.0)
    assert store.snapshot("run") is None


def test_a_heartbeat_is_seen(store: Store) -> None:
    begin(store)
    store.heartbeat("run", 1, 77.0)
    assert store.run("run").heartbeat == 77.0


def test_a_lease_is_given_back_by_its_holder_alone(store: Store) -> None:
    begin(store)
    epoch = store.claim("run", OTHER, 50.0, 1)
    store.release("run", 1)
    assert store.run("run").owner == OTHER
    store.release("run", epoch)
    row = store.run("run")
    assert (row.owner, row.heartbeat, row.epoch) == (None, None, 2)
    assert store.claim("run", OWNER, 60.0, 2) == 3


# --- the inbox


def test_messages_are_read_oldest_first_and_stay_until_they_are_taken(store: Store) -> None:
    begin(store)
    sent = [
        Message("run", "signal", 5.0, "go", {"a": [1, None]}),
        Message("run", "answer", 3.0, "approve", "yes"),
        Message("run", "cancel", 4.0),
        Message("run", "pause", 4.0),
    ]
    ids = [store.post(message) for message in sent]
    for _ in range(2):
        read = store.inbox("run")
        assert [(one.kind, one.at, one.target, one.value) for one in read] == [
            (one.kind, one.at, one.target, one.value) for one in sent
        ]
        assert [one.id for one in read] == ids == sorted(set(ids))


def test_a_commit_takes_messages_with_it(store: Store) -> None:
    begin(store)
    ids = [store.post(Message("run", "signal", 1.0, name)) for name in ("a", "b", "c", "d")]
    store.append(following(3), taken=(ids[0],))
    store.append(Commit("run", 4, (RunPaused("asked"),), 1.0), taken=(ids[2], ids[1]))
    assert [message.target for message in store.inbox("run")] == ["d"]


def test_a_message_is_taken_once(store: Store) -> None:
    begin(store)
    kept, gone = (store.post(Message("run", "signal", 1.0, name)) for name in ("kept", "gone"))
    store.append(following(3), taken=(gone,))
    for taken in ((gone,), (kept, gone), (99_999,)):
        with pytest.raises(StoreError, match="no longer in the run's inbox"):
            store.append(following(4), taken)
    assert store.run("run").events == 3
    assert [message.target for message in store.inbox("run")] == ["kept"]


def test_a_refused_commit_takes_nothing(store: Store) -> None:
    begin(store)
    message = store.post(Message("run", "signal", 1.0))
    store.claim("run", OTHER, 1.0, 1)
    with pytest.raises(Fenced):
        store.append(following(3), taken=(message,))
    assert len(store.inbox("run")) == 1


def test_an_id_of_a_message_is_never_given_again(store: Store) -> None:
    begin(store)
    last = store.post(Message("run", "signal", 1.0))
    store.append(following(3), taken=(last,))
    assert store.post(Message("run", "signal", 1.0)) > last


def test_a_run_takes_no_message_of_another(store: Store) -> None:
    begin(store, run="a")
    begin(store, run="b")
    message = store.post(Message("a", "signal", 1.0))
    assert store.inbox("b") == []
    with pytest.raises(StoreError, match="no longer in the run's inbox"):
        store.append(following(3, "b"), taken=(message,))
    assert len(store.inbox("a")) == 1


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_message_carries_any_json(store: Store, value: Json) -> None:
    begin(store)
    store.post(Message("run", "answer", 1.0, "x", value))
    assert repr(store.inbox("run")[0].value) == repr(value)


# --- snapshots and projected tables


def rows(**tables: Sequence[Mapping[str, Json]]) -> Rows:
    return Rows(tables)


def test_a_run_without_snapshots_has_none(store: Store) -> None:
    begin(store)
    assert store.snapshot("run") is None
    assert store.projected("run", "steps") == []


def test_the_newest_snapshot_at_or_before_an_event(store: Store) -> None:
    begin(store, 8)
    kept = [Snapshot("run", seq, float(seq), f"state {seq}") for seq in (3, 5, 7)]
    for snapshot in kept:
        store.save_snapshot(snapshot, Rows(), 1)
    assert store.snapshot("run") == kept[2]
    found = [store.snapshot("run", seq) for seq in range(9)]
    assert found == [None, None, None, kept[0], kept[0], kept[1], kept[1], kept[2], kept[2]]


def test_a_snapshot_saved_again_is_still_one(store: Store) -> None:
    begin(store)
    for state in ("old", "new"):
        store.save_snapshot(Snapshot("run", 2, 1.0, state), Rows(), 1)
    assert store.snapshot("run") == Snapshot("run", 2, 1.0, "new")


@pytest.mark.parametrize("seq", [0, 1, 4, 5, 9])
def test_a_snapshot_belongs_to_the_end_of_a_commit(store: Store, seq: int) -> None:
    begin(store, 3)
    store.append(Commit("run", 4, events(4) * 3, 1.0))
    with pytest.raises(StoreError, match=f"no checkpoint {seq}"):
        store.save_snapshot(Snapshot("run", seq, 1.0, ""), rows(steps=[{"step": "a"}]), 1)
    assert store.projected("run", "steps") == []


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_snapshot_holds_any_json(store: Store, value: Json) -> None:
    begin(store)
    assert store.save_snapshot(Snapshot("run", 2, 1.0, value), Rows(), 1) > 0
    read = store.snapshot("run")
    assert read is not None
    assert repr(read.state) == repr(value)


def test_a_row_is_brought_up_to_date_column_by_column(store: Store) -> None:
    begin(store, 3)
    started = {"step": "a", "node": "a", "status": "running", "started_seq": 2, "request": {"argv": ["x"]}}
    store.save_snapshot(Snapshot("run", 2, 1.0, ""), rows(steps=[started]), 1)
    ended = {"step": "a", "status": "completed", "output": {"n": 1}, "ended_seq": 3, "node": None}
    store.save_snapshot(Snapshot("run", 3, 1.0, ""), rows(steps=[ended]), 1)
    (row,) = store.projected("run", "steps")
    assert row == dict.fromkeys(row) | {"run_id": "run"} | started | ended | {"node": "a"}


def test_a_json_column_may_become_null(store: Store) -> None:
    begin(store, 3)
    for seq, value in ((2, 5), (3, None)):
        store.save_snapshot(
            Snapshot("run", seq, 1.0, ""), rows(workflow_state=[{"key": "k", "value": value, "seq": seq}]), 1
        )
    assert [(row["value"], row["seq"]) for row in store.projected("run", "workflow_state")] == [(None, 3)]


def test_what_was_counted_may_become_unknown(store: Store) -> None:
    """A call's second attempt is one that nobody counted."""
    begin(store, 3)
    for seq, counted in ((2, 5), (3, None)):
        usage = dict.fromkeys(("prompt_tokens", "reply_tokens", "cost_usd"), counted)
        row = {"step": "a", "model": "small", "started_seq": 2, **usage}
        store.save_snapshot(Snapshot("run", seq, 1.0, ""), rows(model_calls=[row]), 1)
    (call,) = store.projected("run", "model_calls")
    assert [call[name] for name in ("prompt_tokens", "reply_tokens", "cost_usd", "model")] == [None] * 3 + ["small"]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_json_column_holds_any_json(store: Store, value: Json) -> None:
    begin(store)
    store.save_snapshot(Snapshot("run", 2, 1.0, ""), rows(workflow_state=[{"key": "k", "value": value}]), 1)
    (row,) = store.projected("run", "workflow_state")
    assert repr(row["value"]) == repr(value)


def test_rows_come_in_the_order_of_what_happened(store: Store) -> None:
    begin(store)
    steps = [{"step": step, "started_seq": seq} for step, seq in (("b", 2), ("a", 9), ("c", 2), ("d", None))]
    store.save_snapshot(Snapshot("run", 2, 1.0, ""), rows(steps=steps), 1)
    assert [row["step"] for row in store.projected("run", "steps")] == ["d", "b", "c", "a"]


def test_tables_of_one_run_are_not_those_of_another(store: Store) -> None:
    for run in ("a", "b"):
        begin(store, run=run)
        store.save_snapshot(Snapshot(run, 2, 1.0, ""), rows(steps=[{"step": "s", "node": run}]), 1)
    assert [row["node"] for row in store.projected("a", "steps")] == ["a"]


def test_a_snapshot_whose_rows_are_refused_leaves_nothing(store: Store) -> None:
    begin(store)
    bad = rows(steps=[{"step": "a"}], workflow_state=[{"key": "k", "value": "\ud800"}])
    with pytest.raises(StoreError, match="can't be recorded"):
        store.save_snapshot(Snapshot("run", 2, 1.0, ""), bad, 1)
    assert store.snapshot("run") is None
    assert store.projected("run", "steps") == []


# --- the list of runs


@pytest.fixture
def several(store: Store) -> Store:
    store.create(first("old", 1.0), OWNER)
    store.create(first("new", 3.0, "other"), OWNER)
    store.create(first("mid", 2.0), OWNER)
    store.create(first("mid2", 2.0), OWNER)
    store.append(Commit("old", 3, (RunEnded("completed"),), 9.0))
    return store


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["new", "mid2", "mid", "old"]),
        ({"limit": 2}, ["new", "mid2"]),
        ({"limit": 0}, []),
        ({"limit": -1}, ["new", "mid2", "mid", "old"]),
        ({"status": "completed"}, ["old"]),
        ({"status": "running"}, ["new", "mid2", "mid"]),
        ({"workflow": "flow"}, ["mid2", "mid", "old"]),
        ({"workflow": "flow", "status": "running", "limit": 1}, ["mid2"]),
        ({"workflow": "other", "status": "completed"}, []),
    ],
)
def test_runs_are_listed_newest_first(several: Store, asked: dict[str, Any], found: list[str]) -> None:
    assert [row.id for row in several.runs(**asked)] == found


@pytest.mark.parametrize("text", HOSTILE_TEXT)
def test_a_filter_is_text_and_nothing_more(several: Store, text: str) -> None:
    assert several.runs(status=text) == []
    assert several.runs(workflow=text) == []
    assert len(several.runs()) == 4


@pytest.mark.parametrize("run", [text for text in HOSTILE_TEXT if text != "\ud800"])
def test_any_text_may_be_an_id(store: Store, run: str) -> None:
    begin(store, 3, run)
    assert store.run(run).id == run
    assert [commit.run for commit in history(store, run)] == [run, run]


def test_a_store_opened_again_holds_what_the_first_wrote(store: Store, another: Opener) -> None:
    begin(store, 5)
    store.post(Message("run", "signal", 1.0, "go"))
    store.save_snapshot(Snapshot("run", 5, 1.0, "state"), rows(steps=[{"step": "a"}]), 1)
    again = another()
    assert history(again) == history(store)
    assert again.run("run") == store.run("run")
    assert again.inbox("run") == store.inbox("run")
    assert again.snapshot("run") == store.snapshot("run")
    assert again.definition("hash") == DEFINITION
    again.append(following(6))
    with pytest.raises(HistoryMoved):
        store.append(following(6))
