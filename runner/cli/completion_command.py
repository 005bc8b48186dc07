"""`wf completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from runner.cli.speaking import tell_script

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

EPILOG = """\b
Examples:
  wf completion bash >> ~/.bashrc
  wf completion zsh >> ~/.zshrc
  wf completion fish > ~/.config/fish/completions/wf.fish
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def wf_completion(context: click.Context, shell: str) -> None:
    """Print the script that completes `wf` in SHELL."""
    tell_script(SHELLS[shell](context.find_root().command, {}, "wf", "_WF_COMPLETE").source())
