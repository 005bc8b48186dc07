"""What the shell offers in the place of a workflow: files, and the bundled patterns."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from runner.ground.resources import data


class Flow(click.ParamType[str]):
    """A workflow's file, or `pattern:NAME`."""

    name = "flow"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        patterns = (f"pattern:{path.stem}" for path in sorted(data("patterns").glob("*.yaml")))
        found = [CompletionItem(pattern) for pattern in patterns if incomplete and pattern.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


FLOW = Flow()
