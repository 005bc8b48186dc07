"""Broken and right files through the front door: what `wf validate` prints, in whole, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli import main
from tests.mistakes import cases, write_files
from tests.project import ROOT

HERE = Path(__file__).parent
CORPORA = [
    HERE / "mistakes.txt",
    ROOT / "tests" / "language" / "schema" / "mistakes.txt",
    ROOT / "tests" / "language" / "source" / "mistakes.txt",
]

Printed = tuple[int, str, str]
"""Exit code, stdout, stderr."""


@pytest.fixture
def wf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Printed]:
    """Runs `wf` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Printed:
        monkeypatch.setattr(sys, "argv", ["wf", *words])
        with pytest.raises(SystemExit) as exited:
            main()
        assert isinstance(exited.value.code, int)
        return exited.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(("text", "said"), [case for corpus in CORPORA for case in cases(corpus)])
def test_a_broken_file_is_refused_with_all_that_is_wrong(
    text: str, said: str, tmp_path: Path, wf: Callable[..., Printed]
) -> None:
    write_files(text, tmp_path)
    assert wf("validate", "f.yaml") == (2, "", f"{said}\n")


@pytest.mark.parametrize(("text", "said"), cases(HERE / "right.txt"))
def test_a_right_file_passes_without_a_word(text: str, said: str, tmp_path: Path, wf: Callable[..., Printed]) -> None:
    write_files(text, tmp_path)
    assert wf("validate", "--strict", "f.yaml") == (0, f"{said}\n", "")


@pytest.mark.parametrize(("text", "said"), cases(HERE / "warnings.txt"))
def test_what_can_not_be_meant_is_warned_of(text: str, said: str, tmp_path: Path, wf: Callable[..., Printed]) -> None:
    write_files(text, tmp_path)
    code, valid, told = wf("validate", "f.yaml")
    assert (code, told) == (0, f"{said}\n")
    assert valid.startswith(f"f.yaml: valid, {said.count(': warning: ')} warning")
