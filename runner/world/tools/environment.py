"""The environment of a child process: a minimal one, what the call gives it, and what identifies its step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from runner.ground.errors import did_you_mean
from runner.workflow.loader_variables import STEP_VARIABLES, is_loader_variable
from runner.workflow.permission_hints import variable_to_allow
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, Context
from runner.world.tools.refusal import Refusal

KEPT = ("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
KEPT_PREFIX = "LC_"
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
KEY = "WF_IDEMPOTENCY_KEY"
MARK = "WF_RUN_MARK"
ATTEMPT = "WF_ATTEMPT"
LONGEST = 131_072
"""Linux refuses a single argument or variable of so many bytes, its closing NUL included."""

_TOO_LARGE = f"more than the {LONGEST - 1} that a system takes; give the value by stdin or in a file"


def search_path(own: Mapping[str, str]) -> str:
    """Where programs are looked up: in wf's own PATH, whatever a step sets for its child."""
    return own.get("PATH") or DEFAULT_PATH


def minimal(own: Mapping[str, str]) -> dict[str, str]:
    """Of wf's own environment, what every child gets: who and where it is, where programs are, the locale."""
    kept = {name: value for name, value in own.items() if name in KEPT or name.startswith(KEPT_PREFIX)}
    return {**kept, "PATH": search_path(own)}


def passed(names: Collection[str], permissions: Permissions, own: Mapping[str, str]) -> dict[str, str]:
    """The variables that a call asks for by name. One that is permitted but not set stays absent, as in compose."""
    for name in names:
        if name not in permissions.env:
            raise _refused(name, "may not be passed on", permissions)
    return {name: own[name] for name in names if name in own}


def _check_set(names: Iterable[str], permissions: Permissions) -> None:
    """Refuse to set a variable that is wf's own, or one that makes programs load other code and is not listed."""
    for name in names:
        if name in STEP_VARIABLES:
            raise Refusal("permission_denied", f"environment variable '{name}' is wf's own", variable=name)
        if is_loader_variable(name) and name not in permissions.env:
            raise _refused(name, "may not be set: it can make a program run other code", permissions)


def _refused(name: str, said: str, permissions: Permissions) -> Refusal:
    near = did_you_mean(name, sorted(permissions.env))
    mending = variable_to_allow(name, permissions)
    return Refusal("permission_denied", f"environment variable '{name}' {said}{near}; {mending}", variable=name)


def check_variable(name: str, value: str) -> None:
    """Refuse a variable that no process can be given."""
    if not name or "=" in name or "\0" in name:
        raise Refusal("input_invalid", f"{name!r} can't be the name of an environment variable", variable=name)
    _check_bytes(f"environment variable '{name}'", f"{name}={value}", " with its name", variable=name)


def check_argument(argument: str, position: int) -> None:
    """Refuse an item of argv that no process can be given."""
    _check_bytes(f"argument {position} of the command", argument, argument=position)


def _check_bytes(what: str, text: str, counted: str = "", **details: str | int) -> None:
    if "\0" in text:
        raise Refusal("input_invalid", f"{what} holds a NUL character; give the value by stdin", **details)
    size = len(encoded(text, what))
    if size >= LONGEST:
        raise Refusal("input_invalid", f"{what} has {size} bytes{counted}, {_TOO_LARGE}", **details)


def encoded(text: str, what: str) -> bytes:
    """Text as a process is given it: UTF-8; bytes that once came in undecodable go out as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Refusal("input_invalid", f"{what} holds half a surrogate pair, which is no text") from error


def child_environment(
    context: Context, given: Mapping[str, str], passed_on: Mapping[str, str], attempt: Attempt
) -> dict[str, str]:
    """All that a child sees; later ones win: the minimal set, what is passed on, what its call sets, its step.

    Raises Refusal for what may not be set.

    By the step's variables, leftovers of a crash are found.
    """
    _check_set(given, attempt.permissions)
    step = {
        MARK: context.mark,
        "WF_RUN_ID": attempt.run,
        "WF_STEP": attempt.step,
        KEY: attempt.idempotency_key,
        ATTEMPT: str(attempt.number),
    }
    environment = {**minimal(context.environment), **passed_on, **given, **step}
    for name, value in environment.items():
        check_variable(name, value)
    return environment
