"""A parser that its tables drive: tokens found by one pattern, shifted, and reduced by the rules of the grammar.

The algorithm is LALR(1)'s (Aho, Lam, Sethi, Ullman, "Compilers", 4.5 to 4.7). `grammar.py` beside this has lark make
the tables; to use them does not take lark, which is slow to import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from runner.ground import resources

TABLES = resources.data("grammars") / "expression.tables.json"

END = "$END"
"""The terminal that stands after the last token."""


class Tables(msgspec.Struct, frozen=True):
    """What a grammar says, as numbers.

    `pattern` has a group for each terminal; what it finds of `words` is the terminal of that word; what is `ignored`
    stands between tokens. `rules` are `(origin, length, kept, method)`: `kept` are the children that the builder's
    method is given, true for those that are lists to be put in their place. Without a method (None) they themselves
    are the result, or, where it is empty, the only one. `states` lead by a symbol to a state, or to a rule: -1 is the
    first. Parsing begins in state 0, and ends in state `accept`.
    """

    pattern: str
    words: dict[str, str]
    ignored: frozenset[str]
    rules: list[tuple[str, int, list[tuple[int, bool]], str | None]]
    states: list[dict[str, int]]
    accept: int


class Token(str):
    """A piece of the text, which starts at `offset`; `type` is its terminal."""

    __slots__ = ("offset", "type")

    type: str
    offset: int

    @classmethod
    def at(cls, offset: int, type_: str, text: str) -> Token:
        """A token."""
        token = cls(text)
        token.type, token.offset = type_, offset
        return token


class UnreadableText(Exception):
    """No token starts at `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Unexpected(Exception):
    """`token` can't stand where it stands; the terminals `expected` could."""

    def __init__(self, token: Token, expected: frozenset[str]) -> None:
        super().__init__(token)
        self.token = token
        self.expected = expected


class Parser:
    """The parser of expressions; gives what each rule found to the method of `builder` that the rule names."""

    def __init__(self, builder: object) -> None:
        self._tables = tables = msgspec.json.decode(TABLES.read_bytes(), type=Tables)
        self._states = tables.states
        self._match = re.compile(tables.pattern).match
        self._reductions = [_Reduction(builder, *rule) for rule in tables.rules]

    def parse(self, text: str) -> Any:
        """What the builder made of the text. Raises Unreadable, Unexpected, and what the builder raises."""
        states, values = [0], list[Any]()
        for token in self._tokens(text):
            while (action := self._states[states[-1]].get(token.type)) is not None and action < 0:
                reduction = self._reductions[-action - 1]
                values.append(reduction.take(values))
                self._reduce(reduction, states)
            if states[-1] == self._tables.accept:
                return values[0]
            if action is None:
                raise Unexpected(token, self._expected(states))
            states.append(action)
            values.append(token)
        raise AssertionError("the last token is accepted or unexpected")

    def _tokens(self, text: str) -> Iterator[Token]:
        offset = 0
        while offset < len(text):
            found = self._match(text, offset)
            if found is None or found.lastgroup is None:
                raise UnreadableText(offset)
            if found.lastgroup not in self._tables.ignored:
                content = found[0]
                yield Token.at(offset, self._tables.words.get(content, found.lastgroup), content)
            offset = found.end()
        yield Token.at(offset, END, "")

    def _reduce(self, reduction: _Reduction, states: list[int]) -> None:
        if reduction.length:
            del states[-reduction.length :]
        states.append(self._states[states[-1]][reduction.origin])

    def _expected(self, states: list[int]) -> frozenset[str]:
        """The terminals that could stand here: not each that leads to a rule would be shifted after it."""
        terminals = (symbol for symbol in self._states[states[-1]] if symbol.isupper())
        return frozenset(terminal for terminal in terminals if self._takes(terminal, list(states)))

    def _takes(self, terminal: str, states: list[int]) -> bool:
        while (action := self._states[states[-1]].get(terminal)) is not None and action < 0:
            self._reduce(self._reductions[-action - 1], states)
        return action is not None or states[-1] == self._tables.accept


_BUILT: dict[str | None, Callable[[list[Any]], Any]] = {None: lambda found: found, "": lambda found: found[0]}
"""What becomes of children without a method of the builder's."""


class _Reduction:
    """A rule, and what becomes of what it found."""

    def __init__(
        self, builder: object, origin: str, length: int, kept: list[tuple[int, bool]], method: str | None
    ) -> None:
        self.origin = origin
        self.length = length
        self._kept = kept
        self._grows = bool(kept) and kept[0] == (0, True)
        self._build: Callable[[list[Any]], Any] = _BUILT.get(method) or getattr(builder, str(method))

    def take(self, values: list[Any]) -> Any:
        """Take the last values, as many as the rule is long, and make one of them."""
        first = len(values) - self.length
        found = self._found(values[first:])
        del values[first:]
        return self._build(found)

    def _found(self, values: list[Any]) -> list[Any]:
        if self._grows:  # a list that a rule makes longer is not copied for each item
            found: list[Any] = values[0]
            found += [values[place] for place, _ in self._kept[1:]]
            return found
        found = []
        for place, spliced in self._kept:
            found.extend(values[place] if spliced else (values[place],))
        return found
