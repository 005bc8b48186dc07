"""What `make torture` keeps of what it finds: rows that were tried in full, each as soon as it was, and what broke."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.torture.conftest import Asked, Share
from tests.torture.keeping import Keeper, part_id, row_of

PARTS = {row: [f"t.py::test_{row}[{part_id(row, part, 2)}]" for part in range(2)] for row in ("R1", "R2", "R3")}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What is known from before: two rows, of which one is tried again."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"rows": {"R1": {"tried": 1, "result": "held"}, "R9": {"tried": 9, "result": "held"}}}))
    return path


def kept(results: Path) -> dict[str, Any]:
    return {row: (found["tried"], found["result"]) for row, found in json.loads(results.read_text())["rows"].items()}


def keeper(results: Path | None) -> Keeper:
    """One that expects the parts of three rows."""
    made = Keeper(results, seed=7)
    made.expect(nodeid for parts in PARTS.values() for nodeid in parts)
    return made


def run(
    made: Keeper,
    nodeid: str,
    outcome: Literal["passed", "failed", "skipped"] = "passed",
    noted: Iterable[tuple[str, object]] = (("tried", 3), ("tried", 2)),
) -> None:
    """Report a test as pytest does: what was noted stands in every report from the call on."""
    phases: list[tuple[Literal["setup", "call", "teardown"], Any]]
    phases = [("setup", "passed"), ("call", outcome), ("teardown", "passed")]
    for when, how in phases:
        properties = list(noted) if when != "setup" else []
        made.pytest_runtest_logreport(
            pytest.TestReport(nodeid, ("t.py", 1, ""), {}, how, None, when, (), 1.5, user_properties=properties)
        )


def test_a_test_says_in_its_id_which_row_it_belongs_to() -> None:
    ids = ["t.py::test_x[R12-3of4]", "t.py::test_R3[a]", "t.py::test_x"]
    assert [row_of(nodeid) for nodeid in ids] == ["R12", "", ""]


def test_a_row_is_kept_as_soon_as_all_its_parts_have_ended(results: Path) -> None:
    made = keeper(results)
    run(made, PARTS["R1"][0])
    assert kept(results) == {"R1": (1, "held"), "R9": (9, "held")}
    run(made, PARTS["R1"][1])
    run(made, PARTS["R2"][0])
    assert kept(results) == {"R1": (10, "held"), "R9": (9, "held")}
    assert json.loads(results.read_text())["rows"]["R1"]["seconds"] == 9
    made.pytest_sessionfinish()
    assert kept(results) == {"R1": (10, "held"), "R9": (9, "held")}
    assert list(made.summary())[1:] == ["  held: R1", "  not finished, and so not kept: R2, R3"]


def test_a_row_that_broke_is_kept_though_the_rest_of_it_was_not_tried(results: Path) -> None:
    made = keeper(results)
    run(made, PARTS["R1"][0], "failed", [("seed", 3), ("tried", 1), ("seed", 5), ("tried", 1)])
    made.pytest_sessionfinish()
    assert kept(results)["R1"] == (2, "**broke**")
    assert list(made.summary())[-1] == "  R1 broke at seed 5: make torture ROWS=R1 SEED=5 SEEDS=1"


def test_a_worker_that_dies_breaks_the_row_of_its_test(results: Path) -> None:
    made = keeper(results)
    nodeid = PARTS["R1"][0]
    made.pytest_runtest_logreport(pytest.TestReport(nodeid, ("t.py", 1, ""), {}, "failed", "died", "???"))  # type: ignore[arg-type]  # as xdist does
    made.pytest_sessionfinish()
    assert kept(results)["R1"] == (0, "**broke**")
    assert list(made.summary())[-1] == f"  R1 broke at {nodeid}"


@pytest.mark.parametrize(
    ("outcome", "noted", "way"),
    [
        ("skipped", (), "left out in part or whole for want of means, and so not kept"),
        ("passed", [("short", 1), ("tried", 1)], "held, of a few seeds, and so not kept"),
        ("failed", [("short", 1), ("tried", 1)], "broke"),
    ],
)
def test_what_is_not_a_full_run_is_not_kept(results: Path, outcome: Any, noted: Any, way: str) -> None:
    made = keeper(results)
    for nodeid in PARTS["R1"]:
        run(made, nodeid, outcome, noted)
    made.pytest_sessionfinish()
    assert kept(results)["R1"] == (1, "held")
    assert f"  {way}: R1" in made.summary()


def test_without_a_file_nothing_is_kept() -> None:
    made = keeper(None)
    for nodeid in PARTS["R1"]:
        run(made, nodeid)
    assert "  held: R1" in made.summary()


@pytest.mark.parametrize(
    ("asked", "seeds", "short"),
    [
        (Asked(whole=False), [1], False),
        (Asked(whole=True), [1, 3, 5], False),
        (Asked(whole=True, seed=7), [8, 10, 12], False),
        (Asked(whole=True, seed=7, seeds=1), [], True),
        (Asked(whole=True, seed=6, seeds=4), [7, 9], True),
        (Asked(whole=True, seconds=5.0), [1, 3, 5, 7], False),
        (Asked(whole=True, seconds=3.0), [1, 3], True),
    ],
)
def test_the_second_of_two_parts_tries_every_other_seed(asked: Asked, seeds: list[int], *, short: bool) -> None:
    noted: list[tuple[str, object]] = []
    steady = replace(asked, clock=itertools.count().__next__)
    share = Share(1, 2, lambda name, value: noted.append((name, value)), steady)
    assert list(share.seeds(6, sample=2)) == seeds
    assert [value for name, value in noted if name == "seed"] == seeds
    assert ("short" in dict(noted)) == short
