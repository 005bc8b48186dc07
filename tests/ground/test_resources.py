"""Where shipped data is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.ground import resources
from tests.project import ROOT


def test_in_a_checkout_data_is_at_the_top() -> None:
    assert resources.data("grammars") == ROOT / "grammars"
    assert (resources.data("grammars") / "expression.lark").is_file()


def test_in_a_wheel_data_is_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runner" / "_data" / "grammars").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "runner")
    assert resources.data("grammars") == tmp_path / "runner" / "_data" / "grammars"
    assert resources.data("schemas") == tmp_path / "schemas"
