"""Makes the databases here, and writes down how they look: `python make_old.py PYTHON`, an old checkout's Python."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path("/", "tmp")
"""The folder that the runs remember: one that every machine has."""

WF = f"""
import platform, time
now = time.time
time.time = lambda: now() - {time.time() - 1735689600}
platform.node = lambda: "old"
from runner.cli import main
main()
"""
"""`wf` on the first of January 2025, on a host that no other is."""

MADE = {
    "ended": ("run whole.yaml", "run failed.yaml --mock failed.mock.yaml"),
    "waiting": (
        "run branch.yaml",
        "run items.yaml",
        "answer items each[0]/ask yes --resume",
        "fork items@15 --run-id forked",
        "answer items each[1]/ask no",
        "run again.yaml --mock again.mock.yaml",
        "run signals.yaml",
        "signal signals refusal",
        "run strays.yaml",
        "run patient.yaml --mock patient.mock.yaml --wait-limit 0s",
    ),
    "killed": ("run killed.yaml", "run talk.yaml --mock talk.mock.yaml"),
    "packed": ("run nested.yaml",),
}
LAST = {"killed": 11, "talk": 17}
"""The event after which a run is killed: its programs hold then, and nothing else goes on."""

LOOKS = ("show", "state", "checkpoints", "graph")
PACKED = {"WF_CODEC": "msgpack", "WF_COMPRESSION": "zlib"}


def begun(words: Sequence[str], more: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.argv[1], *words]
    return subprocess.Popen(command, cwd=FOLDER, env=os.environ | more, text=True, stdin=-3, stdout=-1)


def carry_out(words: list[str], more: Mapping[str, str]) -> None:
    """A command to its end, or until its run is to be killed."""
    run = Path(words[1]).stem
    given = ["--events", "--run-id", run] if words[0] == "run" else []
    going = begun(["-c", WF, *words, *given], {"HOLD": "1" if run in LAST else "", "WF_LEASE": "1s", **more})
    assert going.stdout is not None
    for line in going.stdout:
        if run in LAST and line.startswith(f'{{"seq":{LAST[run]},'):
            going.kill()
    going.wait()


def look(*words: str) -> str:
    shown, _ = begun(["-c", "from runner.cli import main; main()", *words], {"COLUMNS": "100"}).communicate()
    return f"$ wf {shlex.join(words)}\n{shown}"


def looks() -> str:
    """All that is shown of a database."""
    listed = look("runs", "--json")
    runs = [row["id"] for row in json.loads(listed.partition("\n")[2])]
    return "".join([listed, *(look(command, run) for run in runs for command in LOOKS)])


def make(name: str) -> None:
    for words in MADE[name]:
        carry_out(words.split(), PACKED if name == "packed" else {})
    made = FOLDER / ".wf" / "wf.db"
    (HERE / f"{name}.txt").write_text(looks(), encoding="utf-8")
    database = sqlite3.connect(made)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("VACUUM")
    database.close()
    shutil.move(made, HERE / f"{name}.db")
    shutil.rmtree(made.parent)


if __name__ == "__main__":
    files = [shutil.copy(path, FOLDER) for path in HERE.iterdir() if path.suffix in {".yaml", ".py"}]
    for name in MADE:
        make(name)
    for file in files:
        Path(file).unlink()
