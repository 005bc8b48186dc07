"""`wf schema`: the JSON Schema of workflow files, for editors."""

from __future__ import annotations

import click

from runner.cli.reporting import as_json
from runner.language.schema import bundle

EPILOG = """\b
Examples:
  wf schema > workflow.schema.json
  # and in a workflow's first line:  # yaml-language-server: $schema=workflow.schema.json
"""


@click.command("schema", epilog=EPILOG)
def command() -> int:
    """Print the JSON Schema of workflow files in one self-contained document."""
    click.echo(as_json(bundle()))
    return 0
