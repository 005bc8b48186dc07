"""Writers queue for their turn: who has just written stands behind those that wait."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from runner.ground.errors import EXIT_STORE, StoreError
from runner.record.store import turns
from runner.record.store.sqlite import open_store
from runner.record.store.turns import SUFFIX, TurnMissed, Turns
from tests.record.store.samples import DEFINITION, begin, following

pytestmark = pytest.mark.skipif(turns._SET is None, reason="this system has no locks of one opening of a file")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wf.db"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.002)


def until(holds: threading.Event, of: Turns) -> None:
    """Wait until somebody else stands next in line."""
    while of._lock(fcntl.F_WRLCK, turns._NEXT):
        of._give(turns._NEXT)
        holds.wait(0.001)


def test_one_at_a_time_holds_the_right_to_write(path: Path, impatient: None) -> None:
    first, second = Turns(path), Turns(path)
    with first.mine(), pytest.raises(TurnMissed), second.mine():
        raise AssertionError("two hold it")
    with second.mine():
        assert second.are_mine
        assert not first.are_mine


def test_who_misses_a_turn_leaves_the_line(path: Path, impatient: None) -> None:
    first, second, third = Turns(path), Turns(path), Turns(path)
    with first.mine(), pytest.raises(TurnMissed), second.mine():
        raise AssertionError("two hold it")
    with third.mine():
        pass


def test_who_has_just_written_stands_behind_who_waits(path: Path) -> None:
    busy, patient, order = Turns(path), Turns(path), list[str]()
    looking, started = Turns(path), threading.Event()
    looking._open()

    def write_once() -> None:
        with patient.mine():
            order.append("patient")

    waiting = threading.Thread(target=write_once)
    with busy.mine():
        waiting.start()
        until(started, looking)
    for _ in range(20):
        with busy.mine():
            order.append("busy")
    waiting.join()
    assert order.index("patient") == 0


def test_a_turn_inside_a_turn_is_the_same(path: Path, impatient: None) -> None:
    mine, other = Turns(path), Turns(path)
    with mine.mine():
        with mine.mine():
            pass
        with pytest.raises(TurnMissed), other.mine():
            raise AssertionError("it was given too soon")
    with other.mine():
        pass


def test_a_closed_one_holds_nothing(path: Path, impatient: None) -> None:
    closed, other = Turns(path), Turns(path)
    with closed.mine():
        closed.close()
        with other.mine():
            pass


@pytest.mark.parametrize("odd", ["folder", "link", "unwritable"])
def test_without_its_file_it_does_without(path: Path, odd: str) -> None:
    place = Path(f"{path}{SUFFIX}")
    if odd == "folder":
        place.mkdir()
    if odd == "link":
        place.symlink_to(path.with_name("elsewhere"))
    turn = Turns(path if odd != "unwritable" else path / "below" / "nothing")
    with turn.mine():
        assert turn.are_mine
    assert not path.with_name("elsewhere").exists()


def test_a_writer_that_never_gets_its_turn_is_told_so(path: Path, impatient: None) -> None:
    store = open_store(path)
    store.save_definition(DEFINITION)
    begin(store)
    with Turns(path).mine(), pytest.raises(StoreError, match="is in use by another process") as error:
        store.append(following(3))
    assert error.value.exit_code == EXIT_STORE
    store.append(following(3))
    store.close()
