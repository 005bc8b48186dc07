"""What the database holds: `wf runs` and `wf workflows` list it, `wf gc` removes what need not be kept."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from runner.cli.options import Whole, database_option
from runner.cli.settings import database, retention
from runner.cli.speaking import say, tell, tell_json, tell_rows
from runner.cli.stored import SHORT, reading, was_left, writing
from runner.ground.advice import resume_command
from runner.ground.clock import SystemClock, moment
from runner.ground.errors import UsageError
from runner.record.retention import Collected, Rule, collect, plan
from runner.record.store.contract import RunRow, Store, VersionRow
from runner.record.store.rules import ENDED
from runner.workflow.compiler.reader import parse_duration
from runner.world.kept_outputs import kept_before

THOUSAND = 1000

RUNS = """\b
Examples:
  wf runs
  wf runs --status paused
  wf runs --workflow bug-triage --json
"""

WORKFLOWS = """\b
Examples:
  wf workflows
  wf workflows bug-triage
  wf diff bug-triage@1f3a bug-triage@9c04     # what changed between two versions
"""

GC = """\b
Examples:
  wf gc --older-than 30d --dry-run            # what would be removed, and how many bytes that is
  wf gc --older-than 30d
  wf gc --keep 100                            # all ended runs but the 100 newest
  wf gc --status failed --older-than 7d
  wf gc                                       # by WF_RETENTION, or retention = "30d" in .wf/config.toml
"""


@click.command("runs", epilog=RUNS)
@click.option("--status", type=click.Choice(["running", "paused", *ENDED]), help="Only runs of this status.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--limit", type=Whole(1, 10_000), default=20, help="How many at most (20).")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def wf_runs(as_document: bool, db: str | None, **conditions: Any) -> None:
    """List runs, newest first."""
    with reading(db) as store:
        rows = store.runs(**conditions)
    tell_rows(rows, _standing, as_document=as_document, none="no runs")


def _standing(row: RunRow) -> str:
    line = _line(row, row.created_at)
    return f"{line}  (left by its process: {resume_command(row.id)})" if was_left(row) else line


def _line(row: RunRow, at: float) -> str:
    what = f"{row.workflow} {row.version}".rstrip()
    return f"{row.id}  {row.status:<9}  {moment(at)}  {row.events:>6} events  {what}"


@click.command("workflows", epilog=WORKFLOWS)
@click.argument("name", required=False)
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def wf_workflows(name: str | None, as_document: bool, db: str | None) -> None:
    """List the recorded versions of workflows, or of the one called NAME, newest first."""
    with reading(db) as store:
        rows = store.versions(name)
    tell_rows(rows, _version, as_document=as_document, none="no workflows")


def _version(row: VersionRow) -> str:
    last = f"the last began {moment(row.last_at)}" if row.last_at is not None else "none begun"
    runs = "1 run" if row.runs == 1 else f"{row.runs} runs"
    return f"{row.name}@{row.hash[:SHORT]}  {row.version or '-':<8}  {runs:>8}  {last}  {row.file}"


@click.command("gc", epilog=GC)
@click.option("--older-than", metavar="DURATION", help="Runs that ended so long ago: 12h, 30d.")
@click.option("--keep", type=Whole(0), metavar="N", help="All ended runs but the N newest.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(ENDED), help="Only runs that ended so.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_document", is_flag=True, help="As one JSON document.")
@database_option
def wf_gc(dry_run: bool, as_document: bool, db: str | None, **given: Any) -> None:
    """Remove ended runs, then files, large values, snapshots that nothing needs, then give the space back.

    Several conditions must all hold; without any, the setting `retention` says which runs may go, and without that none
    does. A run whose past a fork shares stays as long as the fork; one that has not ended always does.
    """
    rule = _rule(**given)
    now = SystemClock().now()
    if dry_run:
        with reading(db) as store:
            found = plan(store, rule, now)
            outputs = _needless_outputs(store, found, now)
    else:
        with writing(db) as store:
            found = collect(store, rule, now)
            outputs = _needless_outputs(store, found, now)
        for path in outputs:
            path.unlink(missing_ok=True)
    found = replace(found, outputs=len(outputs))
    if as_document:
        tell_json({"dry_run": dry_run, **msgspec.to_builtins(found)})
    else:
        _tell(found, rule, str(database(db)), dry_run=dry_run)


def _needless_outputs(store: Store, found: Collected, now: float) -> list[Path]:
    """The long outputs kept beside the database that no run knows which stays: each was kept before all of them."""
    going = {row.id for row in found.runs}
    began = [row.created_at for row in store.runs(limit=-1) if row.id not in going]
    return kept_before(store.file, min([now, *began]))


def _rule(older_than: str | None, keep: int | None, statuses: tuple[str, ...]) -> Rule:
    age = None if older_than is None else parse_duration(older_than)
    if older_than is not None and age is None:
        raise UsageError(f"--older-than '{older_than}' is no duration such as 12h or 30d")
    given = Rule(age, keep, frozenset(statuses))
    return retention() if given.says_nothing else given


def _tell(found: Collected, rule: Rule, path: str, *, dry_run: bool) -> None:
    verb = "would remove" if dry_run else "removed"
    for row in found.runs:
        tell(f"{verb} {_line(row, row.updated_at)}")
    tell(f"{verb} runs: {len(found.runs)}, about {size(found.weight)}")
    others = (("needless snapshots", found.snapshots), ("unused versions", found.swept.versions))
    for what, number in (
        *others,
        ("unused files and large values", found.swept.blobs),
        ("long outputs", found.outputs),
    ):
        if number:
            tell(f"{verb} {what}: {number}")
    if found.held:
        say(f"kept runs whose past a fork shares that stays: {found.held}")
    if rule.says_nothing:
        say("no run was to go: say which by --older-than, --keep or --status, or by the setting retention")
    if dry_run:
        return
    tell(f"{path}: {size(found.before.whole)} before, {size(found.after.whole)} now")
    if found.kept_size:
        say(
            f"{size(found.after.free)} of it are free and will be used again; it gets no smaller now: {found.kept_size}"
        )


def size(number: float) -> str:
    """Bytes in words."""
    if number < THOUSAND:
        return f"{number:.0f} bytes"
    units = ("kB", "MB", "GB")
    place = min(int(log(number, THOUSAND)), len(units))
    return f"{number / THOUSAND**place:.1f} {units[place - 1]}"
