"""`wf` as a user types it: in this process, which is fast, or in one of its own, which can be killed."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from runner.cli import main

WF = Path(sys.executable).with_name("wf")
PATIENCE = 30.0


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    code: int

    @property
    def document(self) -> Any:
        """What it printed as its one document."""
        return json.loads(self.stdout)


def wf(
    folder: Path, *words: str, code: int | None = 0, stdin: str = "", environment: Mapping[str, str] | None = None
) -> Done:
    """Run a command in this process, in `folder`; it must end with `code`, if one is given."""
    streams = {name: io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8") for name, text in _streams(stdin)}
    ended = 0
    with contextlib.ExitStack() as around:
        around.enter_context(contextlib.chdir(folder))
        around.enter_context(mock.patch.dict(os.environ, environment or {}))
        around.enter_context(mock.patch.object(sys, "argv", ["wf", *words]))
        for name, stream in streams.items():
            around.enter_context(mock.patch.object(sys, name, stream))
        around.callback(leave_orphans)
        try:
            main()
        except SystemExit as end:
            ended = int(end.code or 0)
    done = Done(_written(streams["stdout"]), _written(streams["stderr"]), ended)
    assert code in {None, done.code}, f"wf {' '.join(words)}: exit {done.code}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done


def leave_orphans() -> None:
    """Let orphans be the system's again: `wf` adopts them for its whole process, which the tests' own is not.

    Whoever adopts must reap: what has ended and is not reaped slows down all that looks for processes.
    """
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _streams(stdin: str) -> Iterator[tuple[str, str]]:
    yield from (("stdin", stdin), ("stdout", ""), ("stderr", ""))


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def process(folder: Path, *words: str, code: int = 0, **options: Any) -> Done:
    """Run a command in a process of its own; it must end with `code`."""
    ended = subprocess.run(
        [WF, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **options
    )
    done = Done(ended.stdout, ended.stderr, ended.returncode)
    assert done.code == code, f"wf {' '.join(words)}: exit {done.code}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


@contextlib.contextmanager
def started(folder: Path, *words: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A command that runs in a process of its own meanwhile; it is killed at the end, if it still lives then."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen([WF, *words], cwd=folder, text=True, **pipes) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def ended(running: subprocess.Popen[str]) -> Done:
    """What a started command printed, once it has ended."""
    stdout, stderr = running.communicate(timeout=PATIENCE)
    assert "Traceback" not in stderr
    return Done(stdout, stderr, running.returncode)


def interrupted_twice(running: subprocess.Popen[str]) -> Done:
    """How a started command ends that is sent SIGINT, and once more as soon as it says that it has heard."""
    running.send_signal(signal.SIGINT)
    assert running.stderr is not None
    while "once more to stop at once" not in running.stderr.readline():
        pass
    running.send_signal(signal.SIGINT)
    return ended(running)


def lines_until(running: subprocess.Popen[str], word: str) -> list[str]:
    """The lines that a started command prints on stdout, up to the first that has a word in it."""
    assert running.stdout is not None
    lines: list[str] = []
    for line in running.stdout:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError(f"'{word}' never came: {lines}")


def write(folder: Path, name: str, text: str) -> Path:
    """A file in a folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
