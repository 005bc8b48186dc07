"""What the shell offers in the place of a run, and of a step that waits for a person."""

from __future__ import annotations

from collections.abc import Iterator

import click
from click.shell_completion import CompletionItem

from runner.cli.stored import LAST, find_run, reading
from runner.ground.errors import WorkflowError
from runner.record.history import load_state


class Run(click.ParamType[str]):
    """A run's id, or `last`."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with reading(ctx.params.get("db")) as store:
                runs = [CompletionItem(row.id, help=f"{row.workflow}, {row.status}") for row in store.runs()]
        except WorkflowError:
            return []
        return [run for run in (CompletionItem(LAST), *runs) if run.value.startswith(incomplete)]


class Step(click.ParamType[str]):
    """A step of the run named before it, that waits for a person."""

    name = "step"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [item for item in _waiting(ctx) if item.value.startswith(incomplete)]
        except WorkflowError:
            return []


def _waiting(ctx: click.Context) -> Iterator[CompletionItem]:
    with reading(ctx.params.get("db")) as store:
        state = load_state(store, find_run(store, str(ctx.params.get("run", LAST))).id)
    for step in state.steps.values():
        if step.waiting is not None and step.waiting.kind == "person":
            yield CompletionItem(step.path, help=step.waiting.prompt)


RUN = Run()
STEP = Step()
