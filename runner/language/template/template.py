"""A compiled template: what it refers to, and what it renders to with the names in scope."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol

import msgspec

from runner.ground.errors import TemplateError
from runner.language.reference import Reference
from runner.language.template.budget import Budget
from runner.language.template.json_value import copied, text_of
from runner.language.template.path import NotFound, Path, insertions, pieces

MAX_SOURCE = 1_000_000
"""Characters of a template; text without tags may be longer."""

_SHARED_SAFELY = frozenset({str, int, bool, type(None)})


class _Program(Protocol):
    @property
    def references(self) -> tuple[Reference, ...]: ...
    @property
    def pieces(self) -> list[str]: ...
    def value(self, data: Mapping[str, Any]) -> Any: ...
    def text(self, data: Mapping[str, Any]) -> str: ...


class Template(msgspec.Struct, frozen=True, dict=True):
    """Text with `{{ … }}`. `references` are its free names; `parts` is known if it only inserts values."""

    source: str
    references: tuple[Reference, ...]
    parts: tuple[str | Path, ...] | None

    @property
    def literal(self) -> bool:
        """Whether this is text alone."""
        return self.parts is not None and all(isinstance(part, str) for part in self.parts)

    @property
    def passed_on(self) -> str:
        """The name whose value, or a part of it, this gives as it is; empty if it gives anything else."""
        match self.parts:
            case (Path(root=root),):
                return root
        return ""

    @property
    def pieces(self) -> list[str]:
        """The source cut up: in turn text that stands there itself, and what is filled in."""
        if self.parts is not None:
            return pieces(self.source)
        found: list[str] = self._program.pieces
        return found

    def render(self, scope: Mapping[str, Any]) -> Any:
        """The JSON value of a lone `{{ … }}`, else the text. Raises TemplateError with the offset of the failure."""
        match self.parts:
            case None:
                return self._program.value(scope)
            case (Path() as path,):
                return self._inserted(path, scope)
        return self.text(scope)

    def text(self, scope: Mapping[str, Any]) -> str:
        """The text, whatever the template is. Raises TemplateError with the offset of the failure."""
        if self.parts is None:
            return self._program.text(scope)
        try:
            return _joined(self.parts, scope)
        except (NotFound, TemplateError, ValueError):
            return self._program.text(scope)

    def _inserted(self, path: Path, scope: Mapping[str, Any]) -> Any:
        try:
            value = path.value(scope)
            return value if type(value) in _SHARED_SAFELY else copied(Budget.unbounded(), value)
        except (NotFound, TemplateError):
            return self._program.value(scope)

    @cached_property
    def _program(self) -> _Program:
        """The same template as Jinja runs it; where values alone are inserted, it only words the failures."""
        return _program(self.source)


def compile_template(text: str) -> Template:
    """Read a template and check it; TemplateError says what is wrong, and at which offset."""
    parts = insertions(text)
    if parts is not None:
        return Template(text, tuple(part.reference for part in parts if isinstance(part, Path)), parts)
    if len(text) > MAX_SOURCE:
        raise TemplateError(
            f"the template is longer than {MAX_SOURCE:,} characters", hint="read large text from a file"
        )
    program = _program(text)
    template = Template(text, program.references, None)
    template.__dict__["_program"] = program
    return template


def _joined(parts: tuple[str | Path, ...], scope: Mapping[str, Any]) -> str:
    budget = Budget()
    pieces = [part if isinstance(part, str) else text_of(budget, part.value(scope)) for part in parts]
    if any(isinstance(part, Path) for part in parts):
        budget.text(sum(map(len, pieces)))
    return "".join(pieces)


def _program(source: str) -> _Program:
    """Fetched when first used: Jinja is slow to import, and templates that only insert values do without it."""
    program: _Program = import_module("runner.language.template.program").compile_program(source)
    return program
