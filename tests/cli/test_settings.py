"""Settings: a flag, else the environment, else the file in `.wf`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.cli import settings
from runner.cli.settings import KNOWN
from runner.ground.errors import UsageError
from runner.record.store.form import Form
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


def test_a_number_that_python_itself_refuses_is_refused_at_its_place() -> None:
    configure(f'# mine\n[a]\n"b" = 12\nconcurrency = {"1_2" * 2500}\n')
    said = ".wf/config.toml:4:15: a number of 5000 digits can't be used\n  help: a number has at most 9 digits here"
    with pytest.raises(UsageError) as refused:
        settings.concurrency(None)
    assert str(refused.value) == said


@pytest.mark.parametrize("name", ["concurrency", "codec"])
def test_a_number_that_python_takes_and_does_not_write_is_refused_too(name: str) -> None:
    configure(f"{name} = 0x{'f' * 5000}\n")
    with pytest.raises(UsageError, match=f"config.toml: {name} is too large a number"):
        settings.concurrency(None)


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


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("codec", "xml", "codec 'xml' is none of json, msgpack"),
        ("compression", "gzip", "compression 'gzip' is none of none, zlib"),
        ("durability", "most", "durability 'most' is neither full nor normal"),
        ("retention", "a while", "retention 'a while' is no duration such as 30d, nor a number of runs such as 100"),
        ("wait_limit", "soon", "wait limit 'soon' is no duration such as 60s or 5m"),
        ("concurrency", "0", "concurrency '0' is no number from 1 on"),
        ("lease", "0s", "lease '0s' is too short"),
    ],
)
def test_the_doctor_says_which_setting_can_not_be_used_and_where_it_is_made(
    project: Path, name: str, value: str, said: str
) -> None:
    by_environment = wf(project, "doctor", code=5, environment={f"WF_{name.upper()}": value})
    assert f"WRONG  settings: WF_{name.upper()}: {said}\n" in by_environment.stdout
    configure(f'{name} = "{value}"\n')
    assert f"WRONG  settings: .wf/config.toml: {said}\n" in wf(project, "doctor", code=5).stdout


def test_the_doctor_names_the_settings_that_are_made(project: Path) -> None:
    assert "ok     settings: none are made: each has its default\n" in wf(project, "doctor").stdout
    configure('concurrency = 4\nretention = "30d"\n')
    told = wf(project, "doctor", environment={"WF_LEASE": "1m"}).stdout
    assert "ok     settings: retention 30d, concurrency 4, lease 1m\n" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("db = 3\n", 'db = 3 can\'t be used\n  help: it is a text in quotes, as in db = "runs/wf.db"\n'),
        (
            "retention = true\n",
            "retention = true can't be used\n  help: it is a text in quotes, or a whole number, as in",
        ),
        ('leese = "1m"\n', "unknown setting 'leese'; did you mean 'lease'?\n"),
        ("lease = \n", "Invalid value (at line 1, column 9)\n"),
    ],
)
def test_a_configuration_that_says_nothing_useful_is_refused(project: Path, text: str, said: str) -> None:
    configure(text)
    assert f"error: .wf/config.toml: {said}" in wf(project, "runs", code=2).stderr


def test_a_folder_is_no_configuration(project: Path) -> None:
    settings.CONFIG.mkdir()
    assert wf(project, "runs", code=2).stderr == "error: can't read .wf/config.toml: it is a folder\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"lease = 7" + b"7" * 5000, "a number of 5001 digits can't be used"),
        (b"lease = " + b"[" * 5000, "it is nested too deeply"),
        (b"lease = {a = " * 2000, "it is nested too deeply|Expected|Invalid|Unclosed"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (b'lease = "1s\0"', "Illegal character"),
        (b"#" * (settings.LARGEST_CONFIG + 1), "it has more than 65536 bytes"),
        (b"x" * 5000 + b" = 1", "unknown setting 'xxx"),
        (b"lease = " + b"7" * 4000, "lease = 777"),
        (b'db = "a\\u0000b"', "db holds a NUL"),
    ],
)
def test_a_file_of_settings_that_is_none_is_refused_in_one_line(content: bytes, why: str) -> None:
    settings.CONFIG.write_bytes(content)
    with pytest.raises(UsageError, match=why) as refused:
        settings.in_use()
    assert len(refused.value.message) < 400
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_settings_are_read_from_a_plain_file_alone(project: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(settings.CONFIG)
    if kind == "device":
        settings.CONFIG.symlink_to("/dev/zero")
    if kind == "folder":
        settings.CONFIG.mkdir()
    what = "a folder" if kind == "folder" else "not a regular file"
    assert wf(project, "runs", code=2) == ("", f"error: can't read .wf/config.toml: it is {what}\n", 2)


@pytest.mark.parametrize("name", ["concurrency", "wait_limit"])
def test_a_number_of_thousands_of_digits_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"WF_{name.upper()}", "9" * 5000)
    with pytest.raises(UsageError) as refused:
        settings.in_use()
    assert len(refused.value.message) < 300
