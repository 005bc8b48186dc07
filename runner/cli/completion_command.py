"""`wf completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from runner.ground.errors import UsageError

EPILOG = """\b
Examples:
  wf completion bash >> ~/.bashrc
  wf completion zsh >> ~/.zshrc
  wf completion fish > ~/.config/fish/completions/wf.fish
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def wf_completion(context: click.Context, shell: str) -> None:
    """Print the script that completes `wf` in SHELL."""
    completion = get_completion_class(shell)
    if completion is None:
        raise UsageError(f"there is no completion for {shell}")
    click.echo(completion(context.find_root().command, {}, "wf", "_WF_COMPLETE").source())
