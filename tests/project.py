"""The project as tests see it: where it is, and a repository to run its examples in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_repository(folder: Path, workflows: Path) -> None:
    """Make `folder` a git repository of one commit: what lies there, the example workflows, and code to search."""
    shutil.copytree(workflows, folder / "workflows")
    shutil.copytree(ROOT / "runner", folder / "runner", ignore=shutil.ignore_patterns("__pycache__"))
    author = ("-c", "user.name=wf", "-c", "user.email=wf@example.org", "-c", "commit.gpgsign=false")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Start"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
