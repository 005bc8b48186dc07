"""Small file systems of one's own, to be filled or made read-only. Mounting takes root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of `size` in memory, at a folder that is made for it. Skips the test where that is not allowed."""
    folder.mkdir(parents=True)
    if _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)):
        pytest.skip("mounting a small file system takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def change(folder: Path, options: str) -> None:
    """Mount it anew with other options, such as `ro` or `size=10m`."""
    assert _mount("-o", f"remount,{options}", str(folder)) == 0


def _mount(*words: str) -> int:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode
