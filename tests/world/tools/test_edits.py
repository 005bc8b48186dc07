"""An edit is made once, however often its step is performed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallDone, CallFailed, Context, FilesCall, Outcome
from runner.world.kept_outputs import Kept
from runner.world.tools import file_tools
from runner.world.tools.performers import PERFORMERS
from tests.clock import FixedClock


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("one frog\n")
    return tmp_path


def edit(project: Path, step: str = "s", *, old: str = "frog", new: str = "frogs") -> Outcome:
    call = FilesCall("edit", "a.txt", str(project), {"old": old, "new": new, "all": False})
    attempt = Attempt("r", step, "s", "", 1, call, Permissions(read=(str(project),), write=(str(project),)))
    context = Context(FixedClock(), {}, kept=Kept(str(project / ".wf/kept"), str(project), str))

    async def performed() -> Outcome:
        return await PERFORMERS[FilesCall](attempt, context)

    return asyncio.run(performed())


def test_an_edit_that_was_made_before_a_crash_is_not_made_again(project: Path) -> None:
    first = edit(project)

    again = edit(project)

    assert first == again == CallDone({"path": "a.txt", "replaced": 1})
    assert (project / "a.txt").read_text() == "one frogs\n"


def test_the_same_edit_of_another_step_is_made(project: Path) -> None:
    edit(project)
    edit(project, "s#2")

    assert (project / "a.txt").read_text() == "one frogss\n"


def test_an_edit_that_a_crash_kept_from_being_made_is_made(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(file_tools, "put", lambda *_: None)
        edit(project)
    assert (project / "a.txt").read_text() == "one frog\n"

    assert edit(project) == CallDone({"path": "a.txt", "replaced": 1})
    assert (project / "a.txt").read_text() == "one frogs\n"


def test_what_others_changed_since_is_looked_at_anew(project: Path) -> None:
    edit(project, old="one", new="two")
    (project / "a.txt").write_text("three\n")

    outcome = edit(project, old="one", new="two")

    assert isinstance(outcome, CallFailed)
    assert "`old` does not stand in 'a.txt'" in outcome.failure.message


def test_a_mark_that_says_nothing_is_passed_over(project: Path) -> None:
    edit(project)
    (mark,) = (project / ".wf/kept").iterdir()
    mark.write_text("{}")

    edit(project)

    assert (project / "a.txt").read_text() == "one frogss\n"
