"""Reading plain files of bounded size."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from runner.ground.plain_file import Unreadable, open_to_append, read_plain


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    assert read_plain(file, 10) == b"x" * 10
    with pytest.raises(Unreadable, match="it has more than 9 bytes"):
        read_plain(file, 9)
    file.write_bytes(b"x" * (1 << 20))
    assert len(read_plain(file)) == 1 << 20
    file.write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(Unreadable, match="it is larger than 1 MiB"):
        read_plain(file)


def test_nothing_else_is_read_and_nothing_is_waited_for(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    for odd in (pipe, link):
        with pytest.raises(Unreadable, match="it is not a regular file"):
            read_plain(odd)
    for piped in (False, True):
        with pytest.raises(Unreadable, match="it is a folder"):
            read_plain(tmp_path, piped=piped)
    with pytest.raises(Unreadable, match="it is larger than 1 MiB"):
        read_plain(link, piped=True)
    with pytest.raises(Unreadable, match="nothing was written to it"):
        read_plain(pipe, piped=True)


def test_a_pipe_that_is_held_open_in_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.ground.plain_file.QUIET_SECONDS", 0.01)
    reader, writer = os.pipe()
    os.write(writer, b"a part")
    with pytest.raises(Unreadable, match="nothing came from it for"):
        read_plain(Path(f"/dev/fd/{reader}"), piped=True)
    os.close(writer)
    os.close(reader)


def test_a_pipe_that_was_named_is_read_to_its_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb") as end:
            for _ in range(100):
                end.write(b"x" * 5000)

    writing = threading.Thread(target=write)
    writing.start()
    assert read_plain(Path(f"/dev/fd/{reader}"), piped=True) == b"x" * 500_000
    writing.join()
    os.close(reader)


@pytest.mark.parametrize("kind", ["pipe", "pipe that is read", "folder", "device"])
def test_only_a_regular_file_is_written_on_and_nobody_is_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "summary"
    reader = -1
    if kind.startswith("pipe"):
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if kind == "pipe that is read" else -1
    if kind == "folder":
        path.mkdir()
    with pytest.raises(OSError, match=r"regular file|No such device|Is a directory"):
        open_to_append(Path("/dev/null") if kind == "device" else path)
    if reader >= 0:
        os.close(reader)


def test_a_file_is_written_on_at_its_end(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with open_to_append(tmp_path / "summary") as file:
            file.write(text)
    assert (tmp_path / "summary").read_text() == "onetwo"
