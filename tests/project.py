"""The project as tests see it: where it is, and a repository to run its examples in."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def commit_all(folder: Path) -> None:
    """Make `folder` a git repository of one commit that holds what lies there."""
    author = ("-c", "user.name=wf", "-c", "user.email=wf@example.org", "-c", "commit.gpgsign=false")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--allow-empty", "--quiet", "--message", "Start"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
