"""A process that runs `wf`, a command a line of stdin: litellm, which takes seconds to load, is loaded once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.acceptance.command_line import wf


def run_all() -> None:
    """Answer until stdin ends. What is printed past `wf` goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        done = wf(Path(asked["folder"]), *asked["words"], code=None, environment=asked["environment"])
        answers.write(json.dumps(done) + "\n")
        answers.flush()


if __name__ == "__main__":
    run_all()
