"""Reading files: what can't be read is told in a line, and nothing is waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from runner.ground.errors import InvalidWorkflow
from runner.language.source import LARGEST_FILE, read


def said_of(path: Path, shown: str | None = None) -> str:
    with pytest.raises(InvalidWorkflow) as caught:
        read(path, shown)
    return str(caught.value)


def test_a_file_is_read_and_called_by_the_name_that_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("a: [1]\n")
    source = read(path, "flow.yaml")
    assert (source.file, source.text, source.data) == ("flow.yaml", "a: [1]\n", {"a": [1]})
    assert str(source.place(("a",))) == "flow.yaml:1:4"
    assert read(path).file == str(path)


def test_a_missing_file_is_told_with_a_near_name(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").touch()
    assert said_of(tmp_path / "flwo.yaml", "flwo.yaml") == (
        "error: can't read flwo.yaml: there is no such file; did you mean 'flow.yaml'?"
    )
    assert said_of(tmp_path / "no" / "where.yaml", "x.yaml") == "error: can't read x.yaml: there is no such file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert said_of(tmp_path, "x") == "error: can't read x: it is a folder"


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert said_of(tmp_path / "fifo", "x") == "error: can't read x: it is not a regular file"


def test_a_device_is_not_read() -> None:
    assert said_of(Path("/dev/zero")) == "error: can't read /dev/zero: it is not a regular file"


def test_a_socket_is_not_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert said_of(tmp_path / "s", "x") == "error: can't read x: no such device or address"


def test_a_circle_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert said_of(tmp_path / "a", "x") == "error: can't read x: too many levels of symbolic links"


def test_a_name_that_no_file_can_have_is_told_without_what_a_terminal_would_act_upon() -> None:
    assert said_of(Path("a\0\x1b[31mb")) == (
        "error: can't read a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31mb: embedded null byte"
    )


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(100 * LARGEST_FILE)
    assert said_of(path, "large.yaml") == "error: can't read large.yaml: it is larger than 1 MiB"
