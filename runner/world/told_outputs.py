"""An output that is told for a call, by a check or a person, in the place of its own: it has to be such a one."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.world.calls import AnyCall, CallDone, CallFailed, CommandCall, HttpCall, Outcome, ReadCall, WriteCall
from runner.world.checked_outputs import checked
from runner.world.http_answers import Answer, judged_answer
from runner.world.program_exits import judged

Form = dict[str, Json]

_TEXT: Form = {"type": "string"}


def form_of(call: AnyCall) -> Form:
    """The JSON Schema of what may be told for a call. Of a program it is what it printed, of a
    request what was answered: the rest follows."""
    make = _FORMS.get(type(call))
    return {} if make is None else make(call)


def told_output(call: AnyCall, output: Json) -> Outcome:
    """The outcome of a call for which this output is told: done, or `output_invalid`."""
    form = compile_schema(form_of(call))
    output = form.received(output)
    errors = form.errors(output)
    if errors:
        return CallFailed(Failure("output_invalid", errors[0].message))
    output = form.normalise(output)
    if isinstance(call, CommandCall):
        return checked(call, _printed(call, output))
    return _answered(call, output) if isinstance(call, HttpCall) else checked(call, CallDone(output))


def _printed(call: CommandCall, told: dict[str, Any]) -> Outcome:
    """The outcome of a program that has printed this."""
    stdout, stderr = (told.get(stream, "").encode("utf-8", "replace") for stream in ("stdout", "stderr"))
    return judged(call, stdout, stderr, told.get("exit_code", call.ok_exit[0]))


def _answered(call: HttpCall, told: dict[str, Any]) -> Outcome:
    """The outcome of a request that was answered with this; what has a `json` is taken to have said so."""
    headers = {name.lower(): value for name, value in told.get("headers", {}).items()}
    if told.get("json") is not None:
        headers.setdefault("content-type", "application/json")
    body = told["body"].encode("utf-8", "replace")
    return judged_answer(call, Answer(told.get("status", HTTPStatus.OK), headers, body))


def _form_of_program(call: CommandCall) -> Form:
    streams = {"stdout": _TEXT, "stderr": _TEXT, "exit_code": {"enum": [*call.ok_exit]}}
    derived = {"text": _TEXT, "json": {}, "lines": {"type": "array"}}
    return _object({**streams, **derived}, ["stdout"])


def _form_of_read(call: ReadCall) -> Form:
    size = {"size": {"type": "integer"}, "sha256": _TEXT}
    read: dict[str, Form] = {"path": _TEXT, **({"text": _TEXT} if call.content else size)}
    parsed: dict[str, Form] = {call.parse: {}} if call.parse else {}
    file = _object(read | parsed, [*read, *parsed])
    return {"type": "array", "items": file} if call.pattern else file


def _form_of_answer(_call: HttpCall) -> Form:
    status = {"type": "integer", "minimum": 100, "maximum": 599}
    headers = {"type": "object", "additionalProperties": _TEXT}
    return _object({"status": status, "headers": headers, "body": _TEXT, "json": {}}, ["body"])


def _form_of_write(_call: WriteCall) -> Form:
    return _object({"path": _TEXT}, ["path"])


def _object(properties: dict[str, Form], required: list[str]) -> Form:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_FORMS: dict[type, Callable[[Any], Form]] = {
    CommandCall: _form_of_program,
    HttpCall: _form_of_answer,
    ReadCall: _form_of_read,
    WriteCall: _form_of_write,
}
"""What is told for a call of another kind may be any value."""
