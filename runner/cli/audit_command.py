"""`wf audit`: what the gates of runs have let through and refused, and whether that record is whole."""

from __future__ import annotations

import click

from runner.cli.options import database_option
from runner.cli.speaking import tell, tell_json, tell_rows
from runner.cli.stored import find_run, reading
from runner.ground.advice import command_line
from runner.ground.clock import moment
from runner.ground.errors import StoreError, UsageError
from runner.ground.plain import counted, one_line
from runner.record.store.contract import AuditRow, AuditTrail, RunUnknown, Store

VERIFY = "verify"

MOST_DIGITS = 18
LEAST_HASH = 8

EPILOG = """\b
Examples:
  wf audit                                    # of all runs, oldest first
  wf audit last
  wf audit last --json
  wf audit verify                             # is every row as it was written?
  wf audit verify --head 42:9f86d081          # and is what I noted then still in it?
"""


@click.command("audit", epilog=EPILOG)
@click.argument("run", required=False)
@click.option("--head", metavar="N:HASH", help="With verify: a row that was noted before, by its number and hash.")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def wf_audit(run: str | None, head: str | None, as_document: bool, db: str | None) -> None:
    """List what the gates of RUN, or of all runs, have let through and refused. RUN `verify` checks the whole trail.

    The trail tells which programs and files were used, which variables and secrets (by name) were passed on, which
    models were asked, which calls were approved. Each row's hash covers the row before.
    """
    with reading(db) as store:
        if run == VERIFY:
            _verify(store.trail, head, as_document=as_document)
            return
        if head is not None:
            raise UsageError(f"--head NUMBER:HASH goes with: {command_line('audit', VERIFY)}")
        rows = list(store.trail.rows(None if run is None else _id_of(store, run)))
    tell_rows(rows, _line, as_document=as_document, none="the audit trail is empty")


def _id_of(store: Store, run: str) -> str:
    """The id of a run, which may have been removed: what it did is told nevertheless. Raises RunUnknown."""
    try:
        return find_run(store, run).id
    except RunUnknown:
        if next(iter(store.trail.rows(run)), None) is None:
            raise
        return run


def _line(row: AuditRow) -> str:
    told = row.detail
    what = " ".join(str(told[name]) for name in ("what", "host") if told.get(name))
    passed = f" given {', '.join(told['variables'])}" if told.get("variables") else ""
    why = f": {one_line(str(told['why']), 300)}" if told.get("why") else ""
    place = f"{row.run} {told.get('step', '')}".rstrip()
    verdict = "allowed" if told["allowed"] else "refused"
    return f"{row.id:>6}  {moment(row.at)}  {place}  {verdict} {row.kind} {one_line(what, 300)}{passed}{why}"


def _verify(trail: AuditTrail, noted: str | None, *, as_document: bool) -> None:
    """Check the chain, and that a row which was noted is still in it. Raises StoreError."""
    problem = trail.problem() or _not_in_it(trail, noted)
    number, digest = trail.head()
    if problem:
        raise StoreError(f"the audit trail is not what was written: {problem}", "compare it with a backup")
    head = f"{number}:{digest}" if number else ""
    if as_document:
        tell_json({"rows": number, "head": head})
    else:
        tell(f"the audit trail is whole: {counted(number, 'row')}{f', head {head}' if head else ''}")


def _not_in_it(trail: AuditTrail, noted: str | None) -> str:
    """What is wrong with a row that was noted as NUMBER:HASH, or with the beginning of its hash. Raises UsageError."""
    if noted is None:
        return ""
    number, _, digest = noted.partition(":")
    if not (number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS and len(digest) >= LEAST_HASH):
        raise UsageError(f"'{one_line(noted)}' is not of the form NUMBER:HASH", "note what `wf audit verify` prints")
    return "" if trail.hash_of(int(number)).startswith(digest) else f"row {number} is not the one that was noted"
