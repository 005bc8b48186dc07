"""`wf gc`: remove ended runs that need not be kept, and all that nothing needs any more."""

from __future__ import annotations

from math import log
from typing import Any

import click
import msgspec

from runner.cli.numbers import Whole
from runner.cli.printing import moment
from runner.cli.reporting import as_json
from runner.cli.settings import database, database_option, retention, seconds
from runner.cli.speaking import say, tell
from runner.cli.stored import reading, writing
from runner.ground.clock import SystemClock
from runner.record.retention import Collected, Rule, collect, plan
from runner.record.store.contract import RunRow
from runner.record.store.rules import ENDED

THOUSAND = 1000

EPILOG = """\b
Examples:
  wf gc --older-than 30d --dry-run            # what would be removed, and how many bytes that is
  wf gc --older-than 30d
  wf gc --keep 100                            # all ended runs but the 100 newest
  wf gc --status failed --older-than 7d
  wf gc                                       # by WF_RETENTION, or retention = "30d" in .wf/config.toml
"""


@click.command("gc", epilog=EPILOG)
@click.option("--older-than", metavar="DURATION", help="Runs that ended so long ago: 12h, 30d.")
@click.option("--keep", type=Whole(0), metavar="N", help="All ended runs but the N newest.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(ENDED), help="Only runs that ended so.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_document", is_flag=True, help="As one JSON document.")
@database_option
def command(dry_run: bool, as_document: bool, db: str | None, **given: Any) -> int:
    """Remove ended runs, then files, large values, snapshots that nothing needs, then give the space back.

    Several conditions must all hold; without any, the setting `retention` says which runs may go, and without that none
    does. A run whose past a fork shares stays as long as the fork; one that has not ended always does.
    """
    rule = _rule(**given)
    now = SystemClock().now()
    if dry_run:
        with reading(db) as store:
            found = plan(store, rule, now)
    else:
        with writing(db) as store:
            found = collect(store, rule, now)
    if as_document:
        click.echo(as_json({"dry_run": dry_run, **msgspec.to_builtins(found)}))
    else:
        _tell(found, rule, str(database(db)), dry_run=dry_run)
    return 0


def _rule(older_than: str | None, keep: int | None, statuses: tuple[str, ...]) -> Rule:
    age = None if older_than is None else seconds("--older-than", older_than, "12h or 30d")
    given = Rule(age, keep, frozenset(statuses))
    return retention() if given.says_nothing else given


def _tell(found: Collected, rule: Rule, path: str, *, dry_run: bool) -> None:
    verb = "would remove" if dry_run else "removed"
    for row in found.runs:
        tell(f"{verb} {_line(row)}")
    tell(f"{verb} runs: {len(found.runs)}, about {size(found.weight)}")
    others = (("needless snapshots", found.snapshots), ("unused versions", found.swept.versions))
    for what, number in (*others, ("unused files and large values", found.swept.blobs)):
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


def _line(row: RunRow) -> str:
    what = f"{row.workflow} {row.version}".rstrip()
    return f"{row.id}  {row.status:<9}  {moment(row.updated_at)}  {row.events:>6} events  {what}"


def size(number: float) -> str:
    """Bytes in words."""
    if number < THOUSAND:
        return f"{number:.0f} bytes"
    units = ("kB", "MB", "GB")
    place = min(int(log(number, THOUSAND)), len(units))
    return f"{number / THOUSAND**place:.1f} {units[place - 1]}"
