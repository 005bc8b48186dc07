"""Turns any failure of a rendering into a TemplateError at the place in the source where it happened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from traceback import walk_tb
from typing import Any

from jinja2 import Template as Code
from jinja2 import UndefinedError

from runner.ground.errors import SecretInTemplate, TemplateError
from runner.language.template.budget import out_of_time
from runner.language.template.lookup import Missing, UseOfMissing
from runner.language.template.syntax_errors import opening_before
from runner.language.template.watchdog import Overtime

_LONGEST_TAG = 2_000
_LONGEST_NAME = 200
_CLOSING = re.compile(r"[}%#]\}")
_Words = tuple[str, str]
_BY_KIND: tuple[tuple[type[BaseException], _Words], ...] = (
    (Overtime, (out_of_time().message, out_of_time().hint)),
    (RecursionError, ("the template calls itself too deep", "")),
    (OverflowError, ("the result is too large for a number", "whole numbers have 64 bits")),
    (MemoryError, ("the template needs too much memory", "")),
    (UndefinedError, ("the `if` does not hold, and there is no `else`", "write `a if condition else b`")),
)
_BY_COMPLAINT: tuple[tuple[str, _Words], ...] = (
    (r"unpack", ("an item does not have as many parts as there are names for them", "")),
    (r"^macro '.*' takes|two values for the special", ("the macro does not take these arguments", "")),
    (r"'recursive' marker", ("only a loop marked `recursive` can be called", "write `{% for x in y recursive %}`")),
    (r"after \*", ("after `*` must come a list, after `**` an object", "")),
    (r"has no len|sequence item|expected str instance", ("a macro's call must follow `call`", "")),
    (r"non-namespace", ("only a namespace can be changed", "`{% set x = namespace() %}` makes one")),
)


def placed(error: BaseException, source: str, offset: int, data: Mapping[str, Any]) -> TemplateError:
    """The TemplateError for `error`, raised by the statement at `offset` while `source` was rendered with `data`."""
    if isinstance(error, UseOfMissing):
        return _unresolved(error.what, source, offset, data)
    message, hint = _words(error)
    kind = SecretInTemplate if isinstance(error, SecretInTemplate) else TemplateError
    return kind(message, offset, hint)


def _words(error: BaseException) -> _Words:
    if isinstance(error, TemplateError):
        return error.message, error.hint
    by_kind = (words for kind, words in _BY_KIND if isinstance(error, kind))
    by_complaint = (words for pattern, words in _BY_COMPLAINT if re.search(pattern, str(error)))
    return next(chain(by_kind, by_complaint), ("the template cannot be rendered here", ""))


def statement_offset(error: BaseException, code: Code, otherwise: int) -> int:
    """Where the statement stands that was being rendered. Jinja's line numbers are our offsets."""
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
    return code.get_corresponding_lineno(lines[-1]) if lines else otherwise


def _unresolved(missing: Missing, source: str, offset: int, data: Mapping[str, Any]) -> TemplateError:
    """Says what does not exist, at the place in the tag where it is named."""
    name = missing.asked
    start = opening_before(source, offset)
    closing = _CLOSING.search(source, max(start, offset))
    end = min(closing.start() if closing else len(source), start + _LONGEST_TAG)
    found = _place(name, missing.is_root).search(source, start, end) if 0 < len(name) <= _LONGEST_NAME else None
    owner = "the value" if found is None or missing.is_root else f"'{found['owner']}'"
    message, hint = missing.explained(owner, data)
    if found is None:
        return TemplateError(message, offset, hint)
    return TemplateError(message, found.start("name"), hint, width=len(name))


def _place(name: str, is_root: bool) -> re.Pattern[str]:
    """How a template writes this name, and for a key what it is asked of."""
    written = rf"(?P<name>{re.escape(name)})(?!\w)"
    if is_root:
        return re.compile(rf"(?<![\w.]){written}")
    return re.compile(rf"(?P<owner>\b[A-Za-z_][\w.]{{0,200}})(?:\s*\.\s*|\s*\[\s*[\"']?){written}")
