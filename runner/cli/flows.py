"""Workflow files: `wf validate` finds before a run what a run would find too late, `wf patterns` shows bundled ones."""

from __future__ import annotations

import json
from pathlib import Path

import click

from runner.cli.complaining import problem_json
from runner.cli.flow_files import checked_flow
from runner.cli.options import offer_flows, parse_allowed
from runner.cli.speaking import annotate, say, tell, tell_json
from runner.engine.loading import load_workflow
from runner.engine.needs import unknown_providers
from runner.engine.run_options import unused_replies
from runner.ground.errors import EXIT_COMPLETED, EXIT_USAGE, InvalidWorkflow, Problem
from runner.ground.plain import counted
from runner.ground.resources import data
from runner.seeing.diagram import mermaid, sketch
from runner.workflow.model import Input
from runner.world.providers.scripted import read_script

VALIDATE = """\b
Examples:
  wf validate flow.yaml
  wf validate flows/*.yaml --strict           # warnings count as errors
  wf validate flow.yaml --mock flow.mock.yaml # its scripted replies too
  wf validate flow.yaml --format github       # annotations in GitHub Actions
"""

PATTERNS = """\b
Examples:
  wf patterns
  wf patterns review-refine
  wf run pattern:review-refine -i task="a haiku about tea"
"""


@click.command("validate", epilog=VALIDATE)
@click.argument("flows", nargs=-1, required=True, shell_complete=offer_flows)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--allow", "allowed", multiple=True, metavar="KIND:VALUE", help="As `wf run --allow`.")
@click.option("--mock", metavar="FILE", help="Check this mock file too.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", help="How to print.")
def wf_validate(flows: tuple[str, ...], strict: bool, allowed: tuple[str, ...], mock: str | None, form: str) -> int:
    """Check FLOWS: exit 0 when all can run, 2 when one can't."""
    found = {flow: _problems(flow, allowed, mock) for flow in flows}
    _print(found, form)
    problems = [problem for several in found.values() for problem in several]
    wrong = any(problem.severity == "error" or strict for problem in problems)
    return EXIT_USAGE if wrong else EXIT_COMPLETED


def _problems(flow: str, allowed: tuple[str, ...], mock: str | None) -> tuple[Problem, ...]:
    try:
        loaded = load_workflow(checked_flow(flow), parse_allowed(allowed))
        if mock is None:
            return (*loaded.warnings, *unknown_providers(loaded))
        return (*loaded.warnings, *unused_replies(loaded.workflow, read_script(Path(mock), mock)))
    except InvalidWorkflow as error:
        return error.problems


def _print(found: dict[str, tuple[Problem, ...]], form: str) -> None:
    every = [problem for problems in found.values() for problem in problems]
    if form == "json":
        tell_json({"errors": [problem_json(problem) for problem in every]})
    elif form == "github":
        annotate(every)
    else:
        _print_text(found)


def _print_text(found: dict[str, tuple[Problem, ...]]) -> None:
    for flow, problems in found.items():
        for problem in problems:
            say(str(problem))
        errors = sum(problem.severity == "error" for problem in problems)
        if not errors:
            tell(f"{flow}: valid" + (f", {counted(len(problems), 'warning')}" if problems else ""))


@click.command("patterns", epilog=PATTERNS)
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
