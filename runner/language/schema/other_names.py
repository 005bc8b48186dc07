"""What other systems call our keys and values: a word of theirs is no misspelling of another of ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from runner.ground.json_value import Json

_KEYS: Mapping[str, str] = {
    "on_error": "catch except on_failure on_fail on_exception onError onFailure if_failed error_handler",
    "next": "on_success onSuccess",
    "with": "arguments args params parameters inputs input",
    "content": "text body data contents value",
    "prompt": "question message text ask input task query title",
    "choices": "options answers choice values buttons",
    "otherwise": "default fallback default_answer",
    "model": "name model_name model_id modelName",
    "instructions": "system system_prompt systemPrompt prompt role persona goal backstory",
    "agents": "delegates delegate_to handoffs subagents team members crew",
    "max_reply_tokens": "max_tokens maxTokens max_output_tokens max_completion_tokens",
    "output_schema": "response_format output_type response_schema structured_output json_schema",
    "max_attempts": "max attempts times count limit retries tries max_retries maxAttempts maximum_attempts max_tries",
    "initial_interval": "delay wait interval sleep initial_delay min_interval backoff_base retry_delay initialInterval",
    "backoff": "factor multiplier backoff_rate exponential backoff_factor backoff_coefficient",
    "max_interval": "max_delay max_wait cap maximum_interval maxInterval",
    "errors": "on types error exceptions retry_on error_types classes",
    "exit_codes": "codes exit_code exit_status",
    "max_visits": "max_iterations max_loops max_iter recursion_limit",
    "max_steps": "steps max_iterations recursion_limit max_turns iterations",
    "max_concurrency": "concurrency parallelism max_parallel max_workers workers threads",
    "timeout": "max_time max_duration deadline time_limit",
    "as": "var variable loop_var item item_name iterator",
    "do": "body each action",
    "needs": "depends_on dependsOn depends after dependencies requires",
    "when": "if condition cond case",
    "to": "goto then next node target step",
    "cwd": "dir directory working_directory workdir folder",
    "ok_exit": "exit_codes allowed_exit_codes success_codes",
    "for": "duration sleep delay time interval",
    "url": "uri address endpoint href",
    "query": "query_params querystring query_string search_params",
    "json": "payload json_body",
    "ok_status": "ok_statuses ok_codes expected_status allowed_status status_codes",
    "commands": "programs run exec executables",
    "network": "hosts net http domains",
    "read_only": "readonly readOnly readOnlyHint safe",
    "default": "initial value init",
    "reducer": "merge reduce aggregate",
}
"""By key, the names of others for it."""

_VALUES: Mapping[str, str] = {
    "completed": "done success successful succeeded ok complete finished finish pass passed true exit",
    "failed": "failure error fail errored abort false",
    "cancelled": "canceled cancel aborted stopped stop",
    "string": "str text",
    "integer": "int long",
    "number": "float double decimal",
    "boolean": "bool",
    "array": "list",
    "object": "dict map mapping",
    "append": "push",
    "max": "maximum",
    "min": "minimum",
}
"""By value, the words of others for it."""

_UNITS: Mapping[str, str] = {
    "ms": "ms msec msecs millis millisecond milliseconds",
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_IN_A_UNIT = re.compile(r"(?P<base>[A-Za-z_-]*?)[_-]?(?P<unit>[A-Z]?[a-z]+)")
_NUMBER = re.compile(r"[0-9]+(?:[.][0-9]+)?")
_LENGTH = re.compile(r"(?P<number>[0-9]+(?:[.][0-9]+)?)\s*(?P<unit>[A-Za-z]+)")
_FOREIGN = frozenset(word for words in _KEYS.values() for word in words.split())


class InUnit(NamedTuple):
    """A key that names the unit of its value, as it is written here."""

    key: str
    value: str


def other_name(word: str, known: Iterable[str]) -> str:
    """The key among `known` that `word` means elsewhere, or nothing."""
    return next((key for key in known if word in _KEYS.get(key, "").split()), "")


def is_name(word: str) -> bool:
    """Whether others call something so."""
    return word in _FOREIGN


def other_value(word: str, values: Iterable[Json]) -> str:
    """The value among `values` that `word` means elsewhere, or nothing."""
    return next((value for value in values if word.lower() in _VALUES.get(str(value), "").split()), "")


def in_unit(name: str, value: Json, known: Collection[str]) -> InUnit | None:
    """`timeout_seconds: 90` as `timeout: 90s`, `seconds: 10` as `for: 10s`, where such a key is known."""
    found = _IN_A_UNIT.fullmatch(name)
    unit = _UNIT.get(found["unit"].lower(), "") if found else ""
    if not found or not unit:
        return None
    base = found["base"] or "duration"
    key = base if base in known else other_name(base, known)
    number = str(value) if _NUMBER.fullmatch(str(value)) else "10"
    return InUnit(key, f"{number}{unit}") if key else None


def length_of_time(text: str) -> str:
    """`30 sec` as `30s`; nothing for what is no length of time."""
    found = _LENGTH.fullmatch(text.strip())
    unit = _UNIT.get(found["unit"].lower(), "") if found else ""
    return f"{found['number']}{unit}" if found and unit else ""
