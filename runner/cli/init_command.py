"""`wf init`: a first workflow that runs offline, or a copy of a pattern."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.speaking import say
from runner.ground.errors import UsageError
from runner.ground.resources import data
from runner.workflow.compiler.files import pattern_path

FIRST = "first.yaml"

EPILOG = """\b
Examples:
  wf init                                     # flow.yaml and flow.mock.yaml
  wf init --pattern review-refine             # review-refine.yaml
  wf init --pattern review-refine review.yaml
"""


@click.command("init", epilog=EPILOG)
@click.argument("file", required=False)
@click.option("--pattern", metavar="NAME", help="Copy this bundled pattern.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def wf_init(file: str | None, pattern: str | None, force: bool) -> None:
    """Write FILE: a workflow of your own to start from (flow.yaml), or a copy of a pattern (NAME.yaml)."""
    target = Path(file or f"{pattern or 'flow'}.yaml")
    if pattern is not None:
        _write(target, pattern_path(f"pattern:{pattern}").read_text(encoding="utf-8"), force=force)
        say(f"next: wf validate {target}")
        return
    mock = target.with_name(f"{target.stem}.mock.yaml")
    folder = data("workflows")
    for path in (target, mock):
        _refuse_overwriting(path, force=force)
    _write(target, (folder / FIRST).read_text(encoding="utf-8"), force=force)
    _write(mock, (folder / "first" / "mock.yaml").read_text(encoding="utf-8"), force=force)
    say(f"next: wf run {target} --mock {mock} -i topic=tea")


def _refuse_overwriting(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise UsageError(f"{path} exists", "name another file, or overwrite it with --force")


def _write(path: Path, text: str, *, force: bool) -> None:
    _refuse_overwriting(path, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from error
    say(f"wrote {path}")
