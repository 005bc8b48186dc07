"""Puts something else in the place of secrets in a text, in whatever form they stand there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import msgspec

from runner.ground.json_value import Json
from runner.world.secrets.forms import SHORTEST, SHORTEST_SAID, lines, said_forms, written_forms, written_in_json
from runner.world.secrets.json_texts import mapped
from runner.world.secrets.needles import Found, Needles
from runner.world.secrets.reading import DIGITS, LITERAL, TEXT, Reading

_SEPARATORS = "\x1e\x1d\x1c\x1f\x01\x02\x03\x04"
"""Characters that readings pass over: a text of several parts is searched as one."""

_MOST_PARTS = 1 << 16
"""Parts of a secret that messages are searched for."""

_HEXADECIMAL = re.compile("[0-9A-Fa-f:-]{16,}")

Label = Callable[[str, str], str]
"""What stands for a secret, by its name and the form's."""


Piece = tuple[str, str | None]
"""A part of a text, and what is to stand for it, if anything is."""


class _Written(msgspec.Struct, frozen=True):
    """Looks for texts as they are."""

    needles: Needles[str]

    def pieces(self, text: str) -> Iterator[Piece]:
        """The parts of a text, those that were looked for apart."""
        return _pieces(text, self.needles.found_in(text))


class _Said(msgspec.Struct, frozen=True):
    """Looks for what a reading finds in texts."""

    reading: Reading
    needles: Needles[bytes]

    def pieces(self, text: str) -> Iterator[Piece]:
        """The parts of a text, those that were looked for apart."""
        found = self.needles.found_in(self.reading.read(text))
        places = self.reading.places(text, [(one.start, one.end) for one in found])
        return _pieces(text, (Found(*place, one.label) for place, one in zip(places, found, strict=True)))


class _Looked(msgspec.Struct):
    """What is looked for, each text with what is to stand for it: whole secrets, then lines of them."""

    written: dict[str, str] = {}
    said: dict[bytes, str] = {}
    literal: dict[bytes, str] = {}
    digits: dict[bytes, str] = {}
    lines: dict[str, str] = {}
    lines_said: dict[bytes, str] = {}

    def add(self, secret: str, label: Callable[[str], str]) -> None:
        """Look for a secret too; `label` gives what stands for it in a form."""
        for form, text in written_forms(secret):
            if len(text) >= SHORTEST:
                self.written.setdefault(text, label(form))
        for form, read in said_forms(secret):
            self.said.setdefault(read, label(form))
        if TEXT.read(secret) != (literal := LITERAL.read(secret)) and len(literal) >= SHORTEST_SAID:
            self.literal.setdefault(literal, label("" if secret == secret.strip() else "trimmed"))
        self.digits.setdefault(DIGITS.read(secret.encode("utf-8", "surrogatepass").hex()), label("hex"))
        if _HEXADECIMAL.fullmatch(secret):
            self.digits.setdefault(DIGITS.read(secret), label(""))
        for form, line in lines(secret):
            self.lines.setdefault(line, label(form))
            if len(read := TEXT.read(line)) >= SHORTEST:
                self.lines_said.setdefault(read, label(form))

    def stages(self) -> list[_Written | _Said]:
        """The ways to look, one after the other: a whole secret must not be found as its lines."""
        said = ((TEXT, self.said), (LITERAL, self.literal), (DIGITS, self.digits))
        return [
            _Written(Needles(self.written)),
            *(_Said(reading, Needles(texts)) for reading, texts in said),
            _Written(Needles(self.lines)),
            _Said(TEXT, Needles(self.lines_said)),
        ]


class Masks:
    """What is looked for in the texts of a run. `spared` is passed over: what stands for a secret already."""

    def __init__(self, secrets: Mapping[str, str], label: Label, spared: re.Pattern[str]) -> None:
        looked = _Looked()
        for name, secret in secrets.items():
            looked.add(secret, partial(label, name))
        self._spared = spared
        self._parts = {
            secret[at : at + SHORTEST]: label(name, "")
            for name, secret in secrets.items()
            for at in range(min(len(secret) - SHORTEST + 1, _MOST_PARTS))
        }
        self._stages = [stage for stage in looked.stages() if not stage.needles.is_empty]
        said = [stage for stage in self._stages if isinstance(stage, _Said)]
        self._said = {reading: [s.needles for s in said if s.reading is reading] for reading in (TEXT, LITERAL, DIGITS)}
        says_little = any(len(TEXT.read(secret)) < SHORTEST_SAID for secret in secrets.values())
        self._is_hard_to_read = says_little or any(TEXT.read(line) not in looked.lines_said for line in looked.lines)
        self.texts = {mark: text for text, mark in [*looked.lines.items(), *looked.written.items()]}
        self.texts |= {label(name, "json"): written_in_json(secret) for name, secret in secrets.items()}
        """What stands for which text."""

    def mask(self, value: Json) -> Json:
        """The value with its secrets masked, at any depth, in keys too, and where one is spread over several texts."""
        texts = list(_texts(value))
        separator = next((sign for sign in _SEPARATORS if not any(sign in text for text in texts)), None)
        if separator is None:
            masked = [self._mask_text(text, "") for text in texts]
        else:
            whole = separator.join(texts)
            found = self._mask_text(whole, separator)
            if found is whole:
                return value
            masked = found.split(separator)
        return _rebuilt(value, iter(masked))

    def mask_parts(self, value: Json) -> Json:
        """The value with parts of secrets masked too, as they are left where a text was cut: for messages."""
        return mapped(self.mask(value), lambda text: self._around_spared(text, self._mask_cut))

    def _mask_cut(self, text: str) -> str:
        masked: list[str] = []
        at = done = 0
        while at + SHORTEST <= len(text):
            label = self._parts.get(text[at : at + SHORTEST])
            at += 1
            if label is not None:
                masked += (text[done : at - 1], label)
                while text[at : at + SHORTEST] in self._parts:
                    at += 1
                done = at = at + SHORTEST - 1
        return "".join((*masked, text[done:]))

    def _mask_text(self, text: str, separator: str) -> str:
        if not self._is_suspicious(text):
            return text
        return self._around_spared(text, lambda part: self._mask_part(part, separator))

    def _around_spared(self, text: str, change: Callable[[str], str]) -> str:
        parts: list[str] = []
        done = 0
        for spared in self._spared.finditer(text):
            parts += (change(text[done : spared.start()]), spared[0])
            done = spared.end()
        return "".join((*parts, change(text[done:])))

    def _is_suspicious(self, text: str) -> bool:
        """Whether a secret may stand in it. Most texts are done with after this."""
        return self._is_hard_to_read or any(
            any(one.found_in(said) for one in needles)
            for reading, needles in self._said.items()
            for said in (reading.read(text) if needles else b"",)
        )

    def _mask_part(self, text: str, separator: str) -> str:
        pieces: list[Piece] = [(text, None)]
        for stage in self._stages:
            pieces = [new for piece in pieces for new in (stage.pieces(piece[0]) if piece[1] is None else (piece,))]
        return "".join(_masked(*piece, separator) for piece in pieces)


def _masked(text: str, label: str | None, separator: str) -> str:
    """What stands for a piece. Parts that a secret was spread over stay parts."""
    if label is None:
        return text
    return label + separator * text.count(separator)


def _pieces(text: str, found: Iterable[Found]) -> Iterator[Piece]:
    done = 0
    for one in found:
        yield text[done : one.start], None
        yield text[one.start : one.end], one.label
        done = one.end
    yield text[done:], None


def _texts(value: Json) -> Iterator[str]:
    """The texts of a JSON value, in order, keys too; a number as it is written."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"|{value!r}|"  # numbers of a list are not read as one


def _rebuilt(value: Json, texts: Iterator[str]) -> Json:
    """The same value with other texts."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, list | tuple):
        return type(value)(_rebuilt(item, texts) for item in value)
    if isinstance(value, dict):
        return {next(texts): _rebuilt(item, texts) for item in value.values()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        written = next(texts)
        return value if written == f"|{value!r}|" else written.strip("|")
    return value
