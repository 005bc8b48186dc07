"""`wf patterns`: the bundled patterns."""

from __future__ import annotations

import json

import click

from runner.cli.speaking import tell
from runner.engine.loading import load_workflow
from runner.ground.resources import data
from runner.seeing.diagram import mermaid, sketch
from runner.workflow.model import Input

EPILOG = """\b
Examples:
  wf patterns
  wf patterns review-refine
  wf run pattern:review-refine -i task="a haiku about tea"
"""


@click.command("patterns", epilog=EPILOG)
@click.argument("name", required=False)
def wf_patterns(name: str | None) -> None:
    """List the bundled patterns with a sketch; with NAME, show its inputs and draw it as a Mermaid diagram."""
    if name is None:
        for path in sorted(data("patterns").glob("*.yaml")):
            workflow = load_workflow(f"pattern:{path.stem}").workflow
            tell(f"{path.stem}: {workflow.description}")
            for line in sketch(workflow):
                tell(f"    {line}")
        return
    loaded = load_workflow(f"pattern:{name.removeprefix('pattern:')}")
    workflow = loaded.workflow
    tell(f"{workflow.name}: {workflow.description}")
    for entry in workflow.inputs.values():
        tell(f"  -i {entry.name}=…  {_input(entry)}")
    tell(mermaid(loaded).rstrip())


def _input(entry: Input) -> str:
    need = "required" if entry.required else f"default {json.dumps(entry.default, ensure_ascii=False)}"
    return f"{entry.schema.get('description', '')} ({entry.schema.get('type', 'any')}, {need})"
