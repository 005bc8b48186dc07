"""Jinja's immutable sandbox, closed further: only data, listed filters, tests and functions, each within a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, missing

from runner.ground.errors import TemplateError
from runner.language.template.budget import Budget, bounded
from runner.language.template.filters import FILTERS
from runner.language.template.json_value import described, refuse_secrets, text_of
from runner.language.template.list_filters import each
from runner.language.template.lookup import MISSING, TAKE_MISSING, Missing, member
from runner.language.template.methods import FUNCTIONS, METHODS, TemplateFunction, method
from runner.language.template.operators import BINARY, UNARY, joined, sliced
from runner.language.template.predicates import PREDICATES, compared

LOOP_FIELDS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"}
)


class TemplateScope(Context):
    """The names of one rendering, and its budget. Data is looked up by `parent[name]`, and comes before functions."""

    budget: Budget

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        try:
            return self.parent[key]
        except KeyError:
            return self.environment.globals.get(key, missing)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset(BINARY)  # type: ignore[misc] # Jinja has no ClassVar
    intercepted_unops: ClassVar[frozenset[str]] = frozenset(UNARY)  # type: ignore[misc] # Jinja has no ClassVar

    concat = staticmethod(bounded)

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing,
            finalize=_written,
            keep_trailing_newline=True,
            autoescape=False,
            optimized=False,
            cache_size=0,
        )
        self.globals = dict(FUNCTIONS)
        self.filters = {name: _in_budget(filter, name in TAKE_MISSING) for name, filter in FILTERS.items()}
        self.filters |= {name: _in_budget(filter) for name, filter in INTERNAL.items()}
        self.tests = {name: _in_budget(test, name in TAKE_MISSING) for name, test in PREDICATES.items()}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: a key first; then the fields of `loop` and of a namespace, the methods of text."""
        found = member(obj, attribute)
        if found is not MISSING:
            return found
        if isinstance(obj, str) and attribute in METHODS:
            return method(obj, attribute)
        if isinstance(obj, LoopContext):
            return _loop_field(obj, attribute)
        if isinstance(obj, Namespace):
            return _namespace_field(obj, attribute)
        return self._missing(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`: a key or an index, nothing else."""
        found = member(obj, argument)
        return self._missing(obj, argument) if found is MISSING else found

    def call(self, context: Any, target: Any, /, *args: Any, **named: Any) -> Any:
        """Call a macro, a listed function, or `loop` in a recursive loop."""
        budget: Budget = context.budget
        budget.spend(len(args))
        _need_existing(target, *args, *named.values())
        budget.enter()
        try:
            if isinstance(target, TemplateFunction):
                named = {name: value for name, value in named.items() if name != "_loop_vars"}
                return target.call(budget, args, named)
            if isinstance(target, LoopContext):
                args = (each(budget, *args),)
            elif not isinstance(target, Macro):
                raise TemplateError(f"{described(target)} cannot be called")
            return super().call(context, target, *args, **named)
        finally:
            budget.leave()

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            _need_existing(left, right)
        return BINARY[operator](context.budget, left, right)

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        _need_existing(arg)
        return UNARY[operator](context.budget, arg)

    def _missing(self, owner: Any, key: Any) -> Missing:
        """What is asked of something missing is missing as well: `default` may be asked any levels down."""
        if isinstance(owner, Missing):
            return owner
        _need_existing(owner, key)
        return Missing(obj=owner, name=key)


@pass_context
def _written(scope: TemplateScope, value: Any) -> str:
    """A value as it stands in text. An `if` without `else` that does not hold writes nothing."""
    return "" if type(value) is Undefined else text_of(scope.budget, value)


def _in_budget(apply: Callable[..., Any], takes_missing: bool = False) -> Callable[..., Any]:
    """A filter or test as Jinja calls it."""

    @pass_context
    def within(scope: TemplateScope, value: Any, *args: Any, **named: Any) -> Any:
        if isinstance(value, Undefined) and not takes_missing:
            _need_existing(value)
        if args or named:
            scope.budget.spend(len(args))
            _need_existing(*args, *named.values())
        return apply(scope.budget, value, *args, **named)

    return within


def _need_existing(*values: Any) -> None:
    for value in values:
        if isinstance(value, Undefined):
            value._fail_with_undefined_error()


def _loop_field(loop: LoopContext, name: str) -> Any:
    if name == "cycle":
        return TemplateFunction("cycle", lambda _budget, *values: loop.cycle(*values))
    if name in LOOP_FIELDS:
        return getattr(loop, name)
    return Missing(hint=f"`loop` has no '{name}'")


def _namespace_field(namespace: Namespace, name: str) -> Any:
    try:
        return object.__getattribute__(namespace, "_Namespace__attrs")[name]
    except KeyError:
        return Missing(hint=f"the namespace has no '{name}'")


def _paid(budget: Budget, value: Any, work: int) -> Any:
    budget.spend(work)
    return value


def _object_of(budget: Budget, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    for key, _ in pairs:
        if not isinstance(key, str):
            raise TemplateError(f"the key of an object must be text, not {described(key)}")
        refuse_secrets(key)
    budget.spend(len(pairs))
    return dict(pairs)


INTERNAL: Mapping[str, Callable[..., Any]] = {
    "~compare": compared,
    "~each": each,
    "~join": joined,
    "~object": _object_of,
    "~paid": _paid,
    "~slice": sliced,
    "~text": text_of,
}
"""What the instrumentation puts in place of Jinja's own operations. No template can write such a name."""

SANDBOX = Sandbox()


def new_scope(data: Mapping[str, Any]) -> TemplateScope:
    """The scope of one rendering of a template with `data`."""
    scope = TemplateScope(SANDBOX, data, None, {})  # type: ignore[arg-type] # any mapping will do
    scope.budget = Budget()
    return scope
