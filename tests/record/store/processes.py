"""Starting `tests.record.store.worker` processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


def command(task: str, path: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.record.store.worker", task, str(path), *map(str, arguments)]


def start(task: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    """A process under way; its stdout can be read, and its stdin written."""
    return subprocess.Popen(
        command(task, path, *arguments), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], *, code: int = 0) -> list[str]:
    """The lines of its stdout, once it has ended as expected."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code, out
    return out.splitlines()
