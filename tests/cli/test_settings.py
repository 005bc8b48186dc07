"""Settings: a flag, else the environment, else the file in `.wf`."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import settings
from runner.cli.settings import KNOWN
from runner.errors import UsageError
from runner.store.form import Form
from tests.project import ROOT


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".wf").mkdir()
    return tmp_path


def configure(text: str) -> None:
    settings.CONFIG.write_text(text, encoding="utf-8")


def test_rows_are_plain_json_unless_it_is_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.form() == Form("json", "none")
    configure('codec = "msgpack"\n')
    assert settings.form() == Form("msgpack", "none")
    monkeypatch.setenv("WF_COMPRESSION", "zlib")
    monkeypatch.setenv("WF_CODEC", "json")
    assert settings.form() == Form("json", "zlib")


@pytest.mark.parametrize("name", ["codec", "compression"])
def test_another_value_is_refused_with_those_that_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"WF_{name.upper()}", "gzip")
    with pytest.raises(UsageError, match=f"{name} 'gzip' is none of (json, msgpack|none, zlib)"):
        settings.form()


def test_a_setting_that_there_is_not_is_refused(project: Path) -> None:
    configure('codecs = "json"\n')
    with pytest.raises(UsageError, match="unknown setting 'codecs'"):
        settings.form()


def test_the_documents_name_every_setting() -> None:
    text = (ROOT / "docs/housekeeping.md").read_text(encoding="utf-8")
    assert [name for name in KNOWN if f"| `{name}` | `WF_{name.upper()}` |" not in text] == []
