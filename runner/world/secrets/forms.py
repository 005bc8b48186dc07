"""The forms in which a secret comes back: as programs write it down, and what of it any reading finds."""

from __future__ import annotations

import html
import json
import shlex
from base64 import b32encode, b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from runner.world.secrets.reading import TEXT

SHORTEST = 8
"""A secret shorter than this would mask ordinary text, and is refused; the empty one is no secret."""

SHORTEST_SAID = 6
"""Bytes that a secret must say when blanks and quotes are left out, to be found so."""

_URL_SAFE = str.maketrans("+/", "-_")
_BASE64_STARTS = (0, 2, 3)
_BASE32_STARTS = (0, 2, 4, 5, 7)
"""The first digits that depend on nothing before the secret, by how many bytes stand before it."""


def written_forms(secret: str) -> Iterator[tuple[str, str]]:
    """What gives a secret away, each text with a name: itself, and as programs write it down exactly."""
    yield "", secret
    yield "trimmed", secret.strip()
    yield "json", written_in_json(secret)
    yield "json-ascii", json.dumps(secret)[1:-1]
    yield "json-slash", json.dumps(secret)[1:-1].replace("/", "\\/")
    yield "python", repr(secret)[1:-1]
    yield "python-ascii", ascii(secret)[1:-1]
    yield "html", html.escape(secret)
    yield "shell", shlex.quote(secret)[1:-1]
    raw = _raw(secret)
    yield "url", quote(raw, safe="")
    yield "url-path", quote(raw)
    yield "url-form", quote_plus(raw)
    yield "url-lower", _lower_percent(quote(raw, safe=""))
    yield "hex", raw.hex()
    yield "hex-upper", raw.hex().upper()
    yield from _encoded_forms(raw)


def written_in_json(secret: str) -> str:
    """As a text of JSON holds it, between the quotes."""
    return json.dumps(secret, ensure_ascii=False)[1:-1]


def said_forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """What `TEXT` reads wherever the secret stands, each with the name of the form that says the same."""
    whole = TEXT.read(secret)
    if len(whole) >= SHORTEST_SAID:
        yield "" if secret == secret.strip() else "trimmed", whole
    for name, text in _encoded_forms(_raw(secret)):
        yield name, TEXT.kept(text.encode())


def _encoded_forms(raw: bytes) -> Iterator[tuple[str, str]]:
    """In Base64 and Base32: the part that does not depend on what stands around, for each place it may begin at."""
    for before, first in enumerate(_BASE64_STARTS):
        encoded = b64encode(bytes(before) + raw).decode()[first : (before + len(raw)) * 8 // 6]
        yield f"base64-{before}", encoded
        yield f"base64-{before}-url", encoded.translate(_URL_SAFE)
    for before, first in enumerate(_BASE32_STARTS):
        yield f"base32-{before}", b32encode(bytes(before) + raw).decode()[first : (before + len(raw)) * 8 // 5]


def lines(secret: str) -> Iterator[tuple[str, str]]:
    """The lines of a secret that are long enough to be one, each with a name."""
    for number, line in enumerate(secret.splitlines(), 1):
        if len(line.strip()) >= SHORTEST:
            yield f"line-{number}", line.strip()


def _raw(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _lower_percent(quoted: str) -> str:
    first, *rest = quoted.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])
