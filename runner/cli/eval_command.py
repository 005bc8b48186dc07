"""`wf eval`: try an expression."""

from __future__ import annotations

import click

from runner.cli.object_files import read_object
from runner.cli.speaking import tell_json
from runner.ground.errors import ExpressionError, Place, Problem, UsageError
from runner.language.expression import compile_expression

EPILOG = """\b
Examples:
  wf eval '1 + 2 * 3'
  wf eval 'state.score >= 0.8 && size(state.tags) > 0' --context context.json
  echo '{"x": [1, 2, 3]}' | wf eval 'x.filter(n, n > 1)' --context -
  wf eval --context context.json -- '-h + 1'  # after --, no word is an option
"""


@click.command("eval", epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("expression")
@click.option("--context", metavar="FILE", help="An object in JSON or YAML of the names it may use; - reads stdin.")
def wf_eval(expression: str, context: str | None) -> None:
    """Evaluate EXPRESSION (CEL) and print its value as JSON."""
    scope = read_object(context) if context else {}
    try:
        value = compile_expression(expression).json(scope)
    except ExpressionError as error:
        place = Place(
            "expression", 1, error.offset + 1, expression.splitlines()[0] if expression.strip() else "", error.width
        )
        raise UsageError(str(Problem(error.message, place, error.hint)).removeprefix("error: ")) from error
    tell_json(value)
