"""Settings: a flag, else the environment, else the file in `.wf`."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import settings
from runner.cli.settings import KNOWN
from runner.errors import UsageError
from runner.store.form import Form
from tests.acceptance.command_line import wf, write
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


def test_a_lease_is_as_it_is_set_and_half_a_minute_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.lease() == 30.0
    configure('lease = "5m"\n')
    assert settings.lease() == 300.0
    monkeypatch.setenv("WF_LEASE", "1s")
    assert settings.lease() == 1.0


@pytest.mark.parametrize(
    ("text", "why"),
    [("0s", "is too short"), ("999ms", "is too short"), ("30", "is no duration"), ("-5s", "is no duration")],
)
def test_what_is_no_lease_is_refused_with_where_it_is_set_before_anything_is_made(
    project: Path, text: str, why: str
) -> None:
    write(project, "flow.yaml", "wf: 1\nname: flow\nnodes: {a: {}}\n")
    said = f"lease '{text}' {why}\n  help: it is 1s or longer, such as 30s (the default)\n"
    given = wf(project, "run", "flow.yaml", code=2, environment={"WF_LEASE": text})
    assert given.stderr == f"error: WF_LEASE: {said}"
    configure(f'lease = "{text}"\n')
    assert wf(project, "run", "flow.yaml", code=2).stderr == f"error: .wf/config.toml: {said}"
    assert not (project / ".wf/wf.db").exists()


def test_a_setting_that_there_is_not_is_refused(project: Path) -> None:
    configure('codecs = "json"\n')
    with pytest.raises(UsageError, match="unknown setting 'codecs'"):
        settings.form()


def test_the_documents_name_every_setting() -> None:
    text = (ROOT / "docs/housekeeping.md").read_text(encoding="utf-8")
    assert [name for name in KNOWN if f"| `{name}` | `WF_{name.upper()}` |" not in text] == []
