"""`wf schema`: the JSON Schema of workflow files, for editors."""

from __future__ import annotations

import click

from runner.cli.speaking import tell_json
from runner.language.schema import bundle

EPILOG = """\b
Examples:
  wf schema > workflow.schema.json
  # and in a workflow's first line:  # yaml-language-server: $schema=workflow.schema.json
"""


@click.command("schema", epilog=EPILOG)
def wf_schema() -> None:
    """Print the JSON Schema of workflow files in one self-contained document."""
    tell_json(bundle())
