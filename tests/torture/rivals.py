"""Several `wf` commands that begin at the same moment: one warm process forks them, and lets all go at once.

`python -m tests.torture.rivals TIMES WORD…` runs `wf WORD…` so many times side by side in the current folder. As each
ends, a line of JSON says how: `[exit code, stdout, stderr]`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from runner.cli import main
from runner.cli.continuations import wf_resume
from runner.world.tools.performers import PERFORMERS

WARM = (wf_resume, PERFORMERS)
"""What rivals need is loaded before they are made: then they are equally quick."""


def race(times: int, words: list[str]) -> None:
    """Run them, and report."""
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        places = {}
        for number in range(times):
            place = Path(folder, str(number))
            places[_fork(reader, writer, words, place)] = place
        os.close(writer)
        for _ in range(times):
            process, status = os.wait()
            said = [places[process].with_suffix(stream).read_text(encoding="utf-8") for stream in (".out", ".err")]
            sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), *said]) + "\n")
            sys.stdout.flush()


def _fork(reader: int, writer: int, words: list[str], place: Path) -> int:
    process = os.fork()
    if process:
        return process
    os.close(writer)
    os.read(reader, 1)  # it ends when the parent, and every rival, has closed the other side
    for stream, suffix in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(place.with_suffix(suffix), os.O_WRONLY | os.O_CREAT, 0o600), stream)
    sys.argv = ["wf", *words]
    try:
        main()
    except SystemExit as exit_:
        sys.stdout.flush()
        os._exit(int(exit_.code or 0))
    os._exit(99)


if __name__ == "__main__":
    race(int(sys.argv[1]), sys.argv[2:])
