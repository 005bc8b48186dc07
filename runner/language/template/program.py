"""Runs a parsed template: compiled when first rendered, within a budget, every failure placed in the source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from jinja2 import Template as Code
from jinja2 import Undefined

from runner.ground.errors import TemplateError, WorkflowError
from runner.language.reference import Reference
from runner.language.template.failures import placed, statement_offset
from runner.language.template.instrumentation import LONE, instrumented
from runner.language.template.json_value import copied, text_of
from runner.language.template.sandbox import SANDBOX, TemplateScope, new_scope
from runner.language.template.syntax import Syntax, parse, pieces
from runner.language.template.watchdog import Overtime, guarded


class TemplateProgram(msgspec.Struct, frozen=True, dict=True):
    """A template that needs Jinja."""

    syntax: Syntax

    @property
    def references(self) -> tuple[Reference, ...]:
        """The free names."""
        return self.syntax.references

    @property
    def pieces(self) -> list[str]:
        """The source cut up: in turn text that stands there itself, and what is filled in."""
        return pieces(self.syntax.source)

    def value(self, data: Mapping[str, Any]) -> Any:
        """The value of the lone `{{ … }}`, or the text."""
        return self._run(data, as_text=self.syntax.lone is None)

    def text(self, data: Mapping[str, Any]) -> str:
        """The text, also of a lone `{{ … }}`."""
        return str(self._run(data, as_text=True))

    @cached_property
    def code(self) -> Code:
        """The compiled template."""
        tree = instrumented(self.syntax.tree, self.syntax.lone)
        return Code.from_code(SANDBOX, SANDBOX.compile(tree), {})

    def _run(self, data: Mapping[str, Any], as_text: bool) -> Any:
        try:
            if not self.syntax.repeats:
                return self._rendered(new_scope(data), as_text)
            with guarded():
                return self._rendered(new_scope(data), as_text)
        except WorkflowError as error:
            if not isinstance(error, TemplateError):
                raise
            raise self._placed(error, data) from None
        except (Exception, Overtime) as error:
            raise self._placed(error, data) from error

    def _placed(self, error: BaseException, data: Mapping[str, Any]) -> TemplateError:
        lone = self.syntax.lone
        start = lone.lineno if lone is not None else 0
        offset = statement_offset(error, self.code, start) if "code" in self.__dict__ else start
        return placed(error, self.syntax.source, offset, data)

    def _rendered(self, scope: TemplateScope, as_text: bool) -> Any:
        pieces = self.code.root_render_func(scope)
        if self.syntax.lone is None:
            return SANDBOX.concat(pieces)
        for _ in pieces:
            pass
        value = scope.vars[LONE]
        if type(value) is str:
            return value
        if as_text:
            return "" if type(value) is Undefined else text_of(scope.budget, value)
        if isinstance(value, Undefined):
            value._fail_with_undefined_error()
        return copied(scope.budget, value)


@lru_cache(maxsize=256)
def compile_program(source: str) -> TemplateProgram:
    """Parse and check; TemplateError says what is wrong, and at which offset. The same text is compiled once."""
    return TemplateProgram(parse(source))
