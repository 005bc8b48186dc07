"""`wf init`: a first workflow that runs offline, or a copy of a pattern."""

from __future__ import annotations

from collections.abc import Mapping
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
  wf init --pattern review-refine             # review-refine.yaml and review-refine.mock.yaml
  wf init --pattern review-refine review.yaml
"""


@click.command("init", epilog=EPILOG)
@click.argument("file", required=False)
@click.option("--pattern", metavar="NAME", help="Copy this bundled pattern.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def wf_init(file: str | None, pattern: str | None, force: bool) -> None:
    """Write FILE: a workflow to start from (flow.yaml), or a copy of a pattern (NAME.yaml); with it a mock file."""
    target = Path(file or f"{pattern or 'flow'}.yaml")
    mock = target.with_name(f"{target.stem}.mock.yaml")
    source = data("workflows") / FIRST if pattern is None else pattern_path(f"pattern:{pattern}")
    _copy({target: source, mock: source.with_suffix("") / "mock.yaml"}, force=force)
    command = f"run {target} --mock {mock} -i topic=tea" if pattern is None else f"validate {target} --mock {mock}"
    say(f"next: wf {command}")


def _copy(sources: Mapping[Path, Path], *, force: bool) -> None:
    """Write what each path is to hold; nothing if one of them is there. Raises UsageError."""
    for path in sources:
        if path.exists() and not force:
            raise UsageError(f"{path} exists", "name another file, or overwrite it with --force")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file that could be written", "name another file")
    for path, source in sources.items():
        text = source.read_text(encoding="utf-8")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"can't write {path}: {error.strerror}") from error
        say(f"wrote {path}")
