"""Large values: taken apart and put together again, each kept once, whoever holds it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.event_parts import Write
from runner.record.events import Commit, RunStarted, StepEnded, StepStarted
from runner.record.history import read_table, states
from runner.record.store import form, large, statements
from runner.record.store.contract import Rows, Snapshot, Store
from runner.record.store.form import JSON, NEWEST, UNREADABLE, ZLIB, Form, compressed, expanded, needed, read, write
from runner.record.store.large import DEEPEST, LARGE, Fetch, encode, lightened, put_together, take_apart
from runner.record.store.sqlite import SqliteStore, open_store
from tests.record.store.conftest import FORMS, Opener
from tests.record.store.samples import DEFINITION, OWNER, begin, first, record

PLAIN = Form()
MEGABYTE = "é\n" * 333_333

sizes = st.sampled_from([0, 1, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE])
texts = st.builds(lambda sign, size: sign * size, st.sampled_from("aé\x1a\U0001f600"), sizes)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def whole(written: form.Written) -> Json:
    format_, data, apart, size = written
    text = read(format_, data, lambda hash_: encode(apart[hash_]))
    assert size == len(text) or format_ not in (1, 3)
    return msgspec.json.decode(text)


def apart_of(value: Json, how: Form = PLAIN) -> dict[str, bytes]:
    """The large values that are kept apart, by hash."""
    format_, data, values, _ = write(value, how)
    apart = {hash_: encode(value) for hash_, value in values.items()}
    assert needed(format_, data, apart.__getitem__) == apart.keys()
    return dict(apart)


@given(json_values, st.sampled_from(FORMS))
def test_what_was_written_in_any_form_is_read_as_it_was(value: Json, how: Form) -> None:
    assert repr(whole(write(value, how))) == repr(value)


@given(json_values)
def test_the_same_value_has_the_same_large_ones_wherever_it_stands_and_however_it_is_written(value: Json) -> None:
    values: dict[str, Json] = {}
    take_apart([value], values)
    alone = {hash_: encode(value) for hash_, value in values.items()}
    for how in FORMS:
        around = apart_of({"output": [{"a": 1, "b": value}]}, how)  # what stands around it may be large too
        assert alone.items() <= around.items()


@given(json_values)
def test_nothing_large_is_left_in_one_piece(value: Json) -> None:
    apart: dict[str, Json] = {}
    rest = take_apart({"value": value}, apart)
    assert len(encode(rest)) <= len('{"value":""}') + len("\\u001a") * LARGE
    assert all(len(encode(value)) >= LARGE for value in apart.values())


def test_small_values_are_left_alone() -> None:
    value = {"a": "x" * (LARGE // 2), "b": ["y" * (LARGE // 2)] * 3}
    assert apart_of([{"a": 1}, "x" * 100]) == {}
    assert len(apart_of(value)) == 1  # the list, as a whole


def test_a_large_list_of_large_texts_refers_to_them() -> None:
    texts = [f"{number} " * LARGE for number in range(3)]
    value = {"log": [*texts, *range(2000)]}
    apart = apart_of(value)
    assert len(apart) == 4
    assert sum(map(len, apart.values())) < len(encode(value)) + 1000
    assert apart_of(texts).items() < apart.items()


def test_what_lies_very_deep_stays_with_what_is_around_it() -> None:
    value: Json = "x" * LARGE
    for _ in range(DEEPEST + 20):
        value = [value]
    assert len(apart_of(value)) == 1
    assert whole(write(value, PLAIN)) == value


@pytest.mark.parametrize(
    "value",
    [
        f"\x1a{'0' * 64}",
        {"\x1a": "\x1a" + "a" * 64},
        [{"$ref": "0" * 64}, "\\u001a" + "0" * 64],
        "\x1a" * LARGE,
        {"type": 1, "ext": [1, "0" * 64]},
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("how", FORMS, ids=repr)
def test_no_value_can_imitate_a_reference(value: Json, how: Form) -> None:
    assert whole(write(value, how)) == value
    assert len(apart_of([value], how)) == (len(encode(value)) >= LARGE)


def test_an_integer_that_messagepack_lacks_makes_its_row_json() -> None:
    written = write({"n": 2**70}, Form("msgpack"))
    assert (written[0], whole(written)) == (JSON, {"n": 2**70})


def test_compression_is_used_where_it_helps() -> None:
    format_, data, _, size = write("ab" * 1000, Form("json", "zlib"))
    assert (format_, len(data) < 100, size) == (JSON + ZLIB, True, 2002)
    assert write("ab", Form("json", "zlib")) == (JSON, b'"ab"', {}, 4)


# --- what nobody of ours wrote

NONE: Fetch = dict[str, bytes]().__getitem__


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        (0, b"1"),
        (NEWEST + 1, b"1"),
        (-1, b"1"),
        (1, b"\x1a" + b"g" * 64),
        (1, b"\x1a1"),
        (2, b"\xc1"),
        (2, b"\xd4\x05\x00"),  # an extension of another type
        (2, b"\xd4\x01\x00"),  # a hash that is too short
        (3, b"no zlib"),
        (3, b""),
        (4, b"\x00"),
    ],
)
def test_other_bytes_are_no_value(format_: int, data: bytes) -> None:
    with pytest.raises(UNREADABLE):
        msgspec.json.decode(read(format_, data, NONE))


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"\xc4\x01x", "eA=="), (b"\xd6\xff\x00\x00\x00\x00", "1970-01-01T00:00:00Z"), (b"\xcb\x7f\xf8" + bytes(6), None)],
    ids=["bytes", "a time", "NaN"],
)
def test_what_messagepack_has_and_json_has_not_is_data_all_the_same(data: bytes, value: Json) -> None:
    assert msgspec.json.decode(read(2, data, NONE)) == value


def test_a_bomb_of_references_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LONGEST", 1_000_000)
    blobs = {f"{0:064x}": b'"x"'}
    for number, below in pairwise(range(60)):
        blobs[f"{below:064x}"] = b"[%s,%s]" % ((b"\x1a%064x" % number,) * 2)
    with pytest.raises(ValueError, match="too long"):
        put_together(b"\x1a%064x" % 59, blobs.__getitem__)


def test_a_zlib_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    added, bomb = compressed(b"x" * 100_000, Form("json", "zlib"))
    assert expanded(added, bomb) == b"x" * 100_000
    monkeypatch.setattr(form, "LONGEST", 50_000)
    with pytest.raises(ValueError, match="too long"):
        expanded(added, bomb)


def test_a_value_that_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "LONGEST", 50_000)
    with pytest.raises(StoreError, match="too large a value"):
        write(["x" * 30_000, "y" * 30_000], Form())


# --- in stores


def ended(number: int, output: Json, **writes: Json) -> Commit:
    contributions = tuple(Write(key, "set", value) for key, value in writes.items())
    step = StepEnded(f"n#{number}", "completed", "n", "", "", number, output, writes=contributions, next="n")
    return Commit("run", number, (step,), 10.0 + number)


def test_events_snapshots_and_rows_hold_large_values_as_if_they_were_small(store: Store, another: Opener) -> None:
    big = {"text": MEGABYTE, "items": list(range(5000)), "small": 1}
    begun, *rest = start(big=big), ended(3, big, key=MEGABYTE), ended(4, [MEGABYTE], key=big)
    assert store.create(begun, OWNER) > len(MEGABYTE)
    sizes = [store.append(commit) for commit in rest]
    assert min(sizes) > len(MEGABYTE)
    snapshot = Snapshot("run", 4, 14.0, {"values": [big, MEGABYTE]})
    rows = Rows({"workflow_state": [{"key": "key", "value": big}], "steps": [{"step": "n#3", "output": big}]})
    assert store.save_snapshot(snapshot, rows, 1) > len(MEGABYTE)
    for reader in (store, another()):
        assert list(reader.commits("run")) == [begun, *rest]
        assert reader.snapshot("run") == snapshot
        assert reader.projected("run", "workflow_state")[0]["value"] == big
        assert reader.projected("run", "steps")[0]["output"] == big


def start(**inputs: Json) -> Commit:
    begun, opened = first(key=None).events
    assert isinstance(begun, RunStarted)
    return replace(first(), events=(replace(begun, inputs=inputs), opened))


@pytest.mark.parametrize("how", FORMS, ids=repr)
def test_a_megabyte_in_three_steps_grows_the_database_by_one(tmp_path: Path, how: Form) -> None:
    store = opened(tmp_path / "wf.db", how)
    before = store.upkeep.space().whole
    text = "".join(f"{number:08x}\n" for number in range(111_111))  # which zlib makes smaller by half
    record(store, [start(), *(ended(number, {"text": text}, key=text) for number in (3, 4, 5))], frozenset({1, 2, 3}))
    grown = store.upkeep.space().whole - before
    assert grown < 1_200_000 * (0.6 if how.compression == "zlib" else 1)
    assert grown > 200_000
    assert states(store, "run")[ROOT] == {"key": text}
    assert states(store, "run", 4)[ROOT] == {"key": text}
    assert [row["output"] for row in read_table(store, "run", "steps")] == [{"text": text}] * 3
    store.close()


def test_a_conversation_that_is_sent_again_is_kept_once(tmp_path: Path) -> None:
    store = opened(tmp_path / "wf.db")
    messages = [{"role": "user", "content": f"{number} " * 3000} for number in range(20)]
    begin(store)
    for number in range(20):
        request = {"model": "m", "messages": messages[: number + 1]}
        asked = StepStarted(f"a/call#{number}", "a", "call", None, "a", f"call#{number}", agent="bot", request=request)
        store.append(Commit("run", number + 3, (asked,), 1.0))
    assert store.upkeep.weight(["run"]) < 1.2 * len(encode(messages))
    store.close()


def test_a_small_commit_is_one_row_and_no_transaction_more(tmp_path: Path) -> None:
    store = opened(tmp_path / "wf.db")
    begin(store, 3)
    said: list[str] = []
    store._session._database.conn.set_trace_callback(said.append)
    store.append(ended(4, "x" * 2000))
    assert len(said) == 1
    store.close()


def test_a_database_may_hold_rows_of_every_form(tmp_path: Path) -> None:
    path = tmp_path / "wf.db"
    store = opened(path)
    store.create(start(big=MEGABYTE), OWNER)
    store.close()
    commits = []
    for number, how in enumerate(FORMS, 3):
        commits.append(ended(number, {"text": MEGABYTE, "n": number, "small": "x" * 300}))
        store = opened(path, how)
        store.append(commits[-1])
        store.save_snapshot(Snapshot("run", number, 1.0, {"n": [number] * 500}), Rows(), 1)
        store.close()
    store = opened(path)
    assert [row[4] for row in store._session.read(statements.COMMITS, (1, 2, 99))] == [1, 3, 2, 4]
    assert list(store.commits("run"))[1:] == commits
    for number in range(3, 7):
        assert store.snapshot("run", number) == Snapshot("run", number, 1.0, {"n": [number] * 500})
    store.close()


@pytest.mark.parametrize(
    ("statement", "how"),
    [
        ("DELETE FROM blobs WHERE hash = ?", "missing"),
        ("UPDATE blobs SET content = x'00' WHERE hash = ?", "damaged"),
        ("UPDATE blobs SET content = substr(content, 2) WHERE hash = ?", "damaged"),
        ("UPDATE blobs SET format = 3 WHERE hash = ?", "damaged"),
        ("UPDATE blobs SET format = 99 WHERE hash = ?", "damaged"),
    ],
)
def test_a_large_value_that_is_lost_is_named_by_all_that_need_it(tmp_path: Path, statement: str, how: str) -> None:
    store = opened(tmp_path / "wf.db")
    record(store, [start(), ended(3, MEGABYTE, key=MEGABYTE)], frozenset({1}))
    (hash_,) = apart_of([MEGABYTE])
    store._session.execute("PRAGMA foreign_keys=OFF")
    store._session.execute(statement, (hash_,))
    reads: dict[str, Callable[[], object]] = {
        "events 3–3 of run 'run'": lambda: list(store.commits("run")),
        "the snapshot of run 'run' after event 3": lambda: store.snapshot("run"),
        "the table steps of run 'run'": lambda: store.projected("run", "steps"),
    }
    for what, use in reads.items():
        with pytest.raises(StoreError) as error:
            use()
        assert f"{what} can't be read: the large value {hash_[:12]} is {how}" in error.value.message
        assert "wf doctor" in error.value.hint
    assert len(list(store.commits("run", upto=2))) == 1
    store.close()


def opened(path: Path, how: Form | None = None) -> SqliteStore:
    store = open_store(path, durability="normal", form=how)
    assert isinstance(store, SqliteStore)
    store.save_definition(DEFINITION)
    return store


@given(st.lists(json_values, max_size=40), st.integers(0, 500))
def test_what_becomes_of_a_value_depends_on_nothing_around_it(values: list[Json], more: int) -> None:
    values += [0] * more
    apart: dict[str, Json] = {}
    one_by_one: dict[str, Json] = {}

    together = take_apart(values, apart)
    alone = [lightened(value, one_by_one) for value in values]

    assert encode(together) == encode(alone)
    assert apart.keys() == one_by_one.keys()
