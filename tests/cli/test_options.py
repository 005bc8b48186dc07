"""What inputs, files and permissions of a command line are read as, and how they are refused."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from runner.cli.options import LARGEST_INPUTS, parse_allowed, parse_inputs
from runner.ground.errors import UsageError


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"pass word\n", "pass word"),
        (b"pass word\r\n", "pass word"),
        (b"pass word", "pass word"),
        (b"\xef\xbb\xbfpass word\n", "pass word"),
        (b"one\ntwo\n", "one\ntwo\n"),
        (b"one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        (b"", ""),
    ],
)
def test_an_input_is_a_files_text_without_the_end_of_its_only_line(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "it").write_bytes(content)
    assert parse_inputs((f"key=@{tmp_path}/it",)) == {"key": value}


def test_an_input_may_be_any_text_on_the_command_line() -> None:
    assert parse_inputs(("a=", "b=x=@y", "c=@@y", "d=@@@", "a=z\n")) == {"a": "z\n", "b": "x=@y", "c": "@y", "d": "@@"}


def test_a_file_that_is_no_text_is_refused_with_what_a_text_is_written_like(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"x" * (LARGEST_INPUTS + 1))
    for name, why in (
        ("bytes", "it is no text in UTF-8"),
        ("long", "it is larger than 8 MiB"),
        ("none", "No such file or dir"),
    ):
        with pytest.raises(UsageError) as refused:
            parse_inputs((f"key=@{tmp_path}/{name}",))
        assert f"-i key=@{tmp_path}/{name}: can't read that file: {why}" in refused.value.message
        assert "[Errno" not in refused.value.message
        assert refused.value.hint == f"a text that begins with @ is written -i key=@@{tmp_path}/{name}"


def test_of_stdin_no_more_is_read_than_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x" * (LARGEST_INPUTS + 5))))
    with pytest.raises(UsageError, match="it is larger than 8 MiB"):
        parse_inputs(("key=@-",))
    assert len(sys.stdin.buffer.read()) == 4


@pytest.mark.parametrize("pair", ["key", "=value", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(UsageError, match="is not of the form -i NAME=VALUE"):
        parse_inputs((pair,))


@pytest.mark.parametrize("given", ["commands", "commands:", "programs:git", ":git"])
def test_a_permission_is_of_a_kind_there_is_and_of_a_value(given: str) -> None:
    with pytest.raises(UsageError, match="not of the form KIND:VALUE"):
        parse_allowed((given,))
    assert parse_allowed(("commands:git", "read:a:b", "commands:sh")) == {"commands": ["git", "sh"], "read": ["a:b"]}
