"""The crash programme: its rows, what the last `make torture` found, and the table of the documents made of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Row:
    """One fault that is tried: what is done to a run, and what must hold."""

    name: str
    fault: str
    holds: str


ROWS = {
    row.name: row
    for row in (
        Row(
            "R1",
            "`SIGKILL` at every write, sync, unlink and start of a child of a whole run",
            "resuming completes it; what was told is recorded, and nothing that had completed runs again",
        ),
        Row(
            "R2",
            "the same in a run of commands, scripts, tools, files, a person's answer, waits, a signal, a retry, a "
            "`finally`, and an agent with tools whose model is scripted",
            "the same",
        ),
        Row(
            "R3",
            "`SIGKILL` at every one of them again, while a run is resumed that was killed at one of six moments of R1; "
            "after a kill at each moment of R1, at one to three moments that chance draws, in one resumption each",
            "the same, crash by crash",
        ),
        Row(
            "R4",
            "power is lost: writes that were not synced are lost, torn or reordered, new names too",
            "the database opens; what was told is recorded; resuming completes the run",
        ),
        Row(
            "R5",
            "the same on a disk that lies about syncing, and with `durability: normal`",
            "the checker of R4 finds the losses; `normal` loses the end of a run, never its beginning",
        ),
        Row(
            "R6",
            "writing, syncing, cutting or removing a file fails, at every call in turn with `EIO` or `ENOSPC`, once or "
            "from then on",
            "exit code 5 with one message, or no harm at all; resuming completes the run",
        ),
        Row("R7", "the disk is full", "exit code 5; with more space, resuming completes the run"),
        Row("R8", "files may not grow (`ulimit -f`)", "the same; no death by `SIGXFSZ`"),
        Row("R9", "the file system can only be read", "runs are shown, none begins: exit code 5 before the first step"),
        Row(
            "R10",
            "the database is damaged: bits flipped, pieces overwritten, pages zeroed or swapped, cut off, not ours",
            "the right answer, or exit code 5 with one message and the file untouched; `wf doctor` finds what is wrong",
        ),
        Row(
            "R11",
            "the database is empty, or its write-ahead log is gone or cut off",
            "it is not taken for a new one; what is left is the beginning of a run, and whole",
        ),
        Row(
            "R12",
            "the database is a newer version's; an older one's, and `SIGKILL` at every write of its migration",
            "the newer stays untouched: exit code 5; the older is still old or all new, and its run can be resumed",
        ),
        Row("R14", "SQLite is older than 3.51.3", "exit code 5 before a database is opened"),
        Row(
            "R15",
            "`SIGINT`, `SIGTERM` and `SIGHUP`, in turn, at every write; Ctrl-C in a terminal, once or twice",
            "exit code 130, 143 or 129; the run is paused, no process is left; one signal to `wf` cuts no step off",
        ),
        Row(
            "R16",
            "whoever reads what `wf` prints goes away, as `head -1` does",
            "a run completes; commands that only read end with 0 or 141, without a word",
        ),
        Row(
            "R17",
            "eight processes resume one run at the same moment",
            "one has it; the others exit with 5 at once and say whose it is; every step is done once",
        ),
        Row(
            "R18",
            "the owner is stopped (`SIGSTOP`) wherever it tells an event or waits, in the middle of a step, and as it "
            "makes ready to ask a model; another takes the run over, the owner wakes; likewise at syncs of commits",
            "the owner records, starts and asks nothing more, says why, and leaves the other's children alone; who is "
            "stopped within a commit keeps the run",
        ),
        Row(
            "R19",
            "the owner's process number belongs to another process, the machine was restarted, the owner is elsewhere",
            "a dead owner's run is taken over at once, a living one's never, whatever leases others have",
        ),
        Row(
            "R20",
            "the clock is two days off, runs ten times as fast, stands, jumps; another one after a kill; winter comes",
            "no step times out or takes less than no time; nobody else gets a living owner's run; it completes",
        ),
        Row(
            "R21",
            "10,000 branches, 1,000 nodes in a chain, 100,000 times round a loop, workflows nested 100 deep and deeper",
            "it completes in less than 500 MB, with at most 1.5 kB a step on the disk; deeper is `depth_limit`",
        ),
        Row(
            "R22",
            "few files may be open, few processes run (`ulimit -n`, a pids cgroup), while many steps run at once",
            "a step waits or fails in a clear word, or exit code 5; with more of them, it completes when taken up",
        ),
        Row(
            "R23",
            "a step's program, or `wf` itself, is killed for the memory that it takes (a memory cgroup)",
            "the step's error says so; a killed `wf` is as in R1",
        ),
        Row(
            "R24",
            "by chance, two to five after another: `SIGKILL`; `SIGINT`, `SIGTERM`, `SIGHUP`; a disk that fails (`EIO`, "
            "`ENOSPC`); a stop, while another takes the run over, and may be killed; `wf pause` from another "
            "process; in runs that wait for no time, another clock; in one run of nine, a model server that refuses, "
            "hangs, hangs up, is slow or answers nonsense, and a kill as it is asked",
            "R1, R15 and R18, once no more faults come; each request that the model server got belongs to a recorded "
            "attempt, each answer is recorded but for those in flight at a kill, and tokens and costs are their sum",
        ),
        Row(
            "R25",
            "random workflows, nested and failing, in random order, killed before and after any commit, paused",
            "statuses, outputs and errors are those of a plain reference interpreter; the record gives the same state",
        ),
        Row(
            "R26",
            "a run is exported, and its database copied by SQLite's backup, at any moment while it goes on",
            "every copy is whole and holds the run up to a commit; an export can be imported and gone on with",
        ),
        Row(
            "R27",
            "`SIGKILL` of `wf` alone, at any moment, while its programs escape: sessions and groups of their own, no "
            "parent, no environment, limits of their own, deaf to signals, starting others again and again",
            "five seconds later none of them is left",
        ),
        Row(
            "R28",
            "`SIGKILL` at every write of `wf gc`, which removes a run and its fork, and gives the space back",
            "what was to stay is whole, a run is there whole or not at all, and another `wf gc` does the rest",
        ),
        Row(
            "R29",
            "`SIGKILL` at every write of a run whose steps have an `on_crash: {check: …}`, or honour their keys, and "
            "then at as late a write of the resumption",
            "the same, and no effect twice",
        ),
        Row(
            "R30",
            "`SIGKILL` as an agent of twelve turns, or one whose delegates delegate and sum up, asks a model or a "
            "tool: at any one of these requests; at every one of them, in resumption after resumption",
            "no request that was answered is made again, the prompts are those of an undisturbed run, each answer is "
            "paid once",
        ),
    )
}


def table() -> str:
    """The rows as a Markdown table, with what the last full run of each found."""
    return "\n".join(_lines(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]))


def _lines(results: dict[str, Any]) -> Iterator[str]:
    yield "| row | fault | what holds | tried | minutes | result | again by |"
    yield "|---|---|---|---|---|---|---|"
    for row in ROWS.values():
        found = results.get(row.name, {"tried": 0, "result": "not yet tried in full"})
        again = f"`make torture ROWS={row.name}`"
        minutes = f"{found['seconds'] / 60:.1f}" if "seconds" in found else ""
        told = (row.name, row.fault, row.holds, f"{found['tried']:,}", minutes, found["result"], again)
        yield f"| {' | '.join(told)} |"


def surroundings() -> str:
    """When and with what the rows were last tried."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    versions = f"Python {found['python']}, SQLite {found['sqlite']}, {found['system']}"
    return f"Each row is as it was last tried in full, the latest on {found['day']}: {versions}."
