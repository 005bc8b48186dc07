"""Secrets stand in events as references; they are resolved at use, and masked by value in what comes back."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from runner.ground.errors import UsageError
from runner.ground.json_value import Json

SHORTEST = 8
"""A secret shorter than this would mask ordinary text, and is refused; the empty one is no secret."""


class Secrets:
    """One run's secrets by input name. `nonce` makes references that nobody else can write."""

    def __init__(self, nonce: str, values: Mapping[str, str]) -> None:
        self.nonce = nonce
        self._texts: dict[str, str] = {}
        self._references: dict[str, str] = {}
        for name, value in values.items():
            if 0 < len(value) < SHORTEST:
                words = f"secret input '{name}' is shorter than {SHORTEST} characters"
                raise UsageError(words, "masking it would mask ordinary text")
            for form, text in forms(value):
                if len(text) >= SHORTEST and text not in self._references:
                    mark = reference(name, nonce, form)
                    self._texts[mark], self._references[text] = text, mark
        self._marks = _any_of(self._texts)
        self._shown = _any_of([*self._texts, *sorted(self._references, key=len, reverse=True)])

    def reveal(self, value: Json) -> Json:
        """Put the secrets in the place of their references, at any depth."""
        return _mapped(value, self._reveal_text) if self._texts else value

    def mask(self, value: Json) -> Json:
        """Put references in the place of secrets, wherever they stand, at any depth, in keys too."""
        return _mapped(value, self._mask_text) if self._texts else value

    def _reveal_text(self, text: str) -> str:
        return self._marks.sub(lambda found: self._texts[found[0]], text)

    def _mask_text(self, text: str) -> str:
        """The longest first, all in one pass: a reference that is there already is not looked into."""
        if not any(shown in text for shown in self._references):
            return text
        return self._shown.sub(lambda found: self._references.get(found[0], found[0]), text)


def _any_of(texts: Any) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, texts)))


def forms(secret: str) -> Iterator[tuple[str, str]]:
    """The texts that give a secret away, each with a name: itself, its lines, and as programs write it down.

    Of Base64 it is the part that does not depend on what stands around the secret, for each place it may begin at.
    """
    yield "", secret
    yield "trimmed", secret.strip()
    for number, line in enumerate(secret.splitlines(), 1):
        yield f"line-{number}", line.strip()
    yield "json", json.dumps(secret, ensure_ascii=False)[1:-1]
    yield "json-ascii", json.dumps(secret)[1:-1]
    yield "python", repr(secret)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    yield "url", quote(raw, safe="")
    yield "url-path", quote(raw)
    yield "url-form", quote_plus(raw)
    for before, first in enumerate((0, 2, 3)):
        encoded = b64encode(bytes(before) + raw).decode()[first : (before + len(raw)) * 8 // 6]
        yield f"base64-{before}", encoded
        yield f"base64-{before}-url", encoded.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")


def reference(name: str, nonce: str, form: str = "") -> str:
    """What stands for a secret, in one of its forms, in events, templates and conditions."""
    return f"⟦secret:{name}.{form}:{nonce}⟧" if form else f"⟦secret:{name}:{nonce}⟧"


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    return value
