"""What stands for a secret: in this process's memory, which nobody else can write, and on paper.

In memory a reference holds a nonce that was drawn for this process, and that is nowhere but in its memory. On paper it
holds the nonce that the run's record tells, so that the next process finds it again. Foreign text that looks like one
on paper is marked there by one more `=`, and is foreign text again when it is read.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from runner.ground.json_value import Json
from runner.language.secret_text import NONCE_LENGTH, OWN
from runner.world.secrets.json_texts import mapped
from runner.world.secrets.reading import TEXT

_FIRST = 0x100000
_COUNT = 0xFFFE


def written_reference(name: str, nonce: str, form: str = "") -> str:
    """What stands for a secret, in one of its forms, on paper."""
    return f"⟦secret:{name}.{form}:{nonce}⟧" if form else f"⟦secret:{name}:{nonce}⟧"


class References:
    """The references of one run in this process; `nonce` is that of its record."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self._drawn: dict[str, str] = {}
        self._on_paper = re.compile(rf"⟦(=*)secret:([^:⟦⟧]*):{re.escape(nonce)}⟧")

    def of(self, name: str, form: str = "") -> str:
        """What stands for a secret in memory."""
        drawn = self._drawn.get(name)
        if drawn is None:
            drawn = self._drawn[name] = _draw()
        return written_reference(name, drawn, form)

    def is_own(self, found: re.Match[str]) -> bool:
        """Whether what looks like a reference is one."""
        return self._drawn.get(found[1]) == found[3]

    def to_paper(self, value: Json) -> Json:
        """The value as it is recorded and shown. Of a reference that was cut up nothing stays that tells the nonce."""
        return mapped(value, self._text_to_paper) if self._drawn else value

    def from_paper(self, value: Json) -> Json:
        """The value as it is in memory, from how it was recorded."""
        return mapped(value, self._text_from_paper)

    def rest_of(self, text: str) -> bool:
        """Whether a text holds a part of a reference, escaped or not."""
        if text.isascii() and not any(sign in text for sign in TEXT.starters):
            return False
        said = TEXT.read(text)
        return any(sign.encode() in said for nonce in self._drawn.values() for sign in nonce)

    def _text_to_paper(self, text: str) -> str:
        if text.isascii():
            return text
        parts: list[str] = []
        done = 0
        for found in OWN.finditer(text):
            if self.is_own(found):
                parts += (self._foreign(text[done : found.start()]), written_reference(found[1], self.nonce, found[2]))
                done = found.end()
        return "".join((*parts, self._foreign(text[done:])))

    def _foreign(self, text: str) -> str:
        quoted = self._on_paper.sub(r"⟦=\1secret:\2:" + self.nonce.replace("\\", r"\\") + "⟧", text)
        return re.sub(f"[{''.join(self._drawn.values())}]", "\ufffd", quoted)

    def _text_from_paper(self, text: str) -> str:
        return text if text.isascii() else self._on_paper.sub(self._read, text)

    def _read(self, found: re.Match[str]) -> str:
        if found[1]:
            return f"⟦{found[1][1:]}secret:{found[2]}:{self.nonce}⟧"
        return self.of(*found[2].partition(".")[::2])


def _draw() -> str:
    """128 bits that nobody can guess."""
    drawn = os.urandom(2 * NONCE_LENGTH)  # noqa: TID251 - what a clock of a test gives can be guessed
    return "".join(chr(_FIRST + int.from_bytes(drawn[at : at + 2]) % _COUNT) for at in range(0, 2 * NONCE_LENGTH, 2))


def without_nonce(value: Json, nonce: str) -> Json:
    """A recorded value without what tells one run from another: a secret is `⟦secret:NAME⟧`, in whatever form.

    That is a text as any other: nobody reads a secret from it.
    """
    if not nonce:
        return value
    on_paper = re.compile(rf"⟦=*secret:([^:.⟦⟧]*)(?:\.[^:⟦⟧]*)?:{re.escape(nonce)}⟧")
    in_address = re.compile(
        rf"{quote('⟦')}secret%3A([^%.]*)(?:\.[^%]*)?%3A{re.escape(quote(nonce, safe=''))}{quote('⟧')}"
    )

    def unnamed(text: str) -> str:
        """A request that is made from its record has the reference in its address as any other text: escaped."""
        text = in_address.sub(r"⟦secret:\1⟧", text)
        return text if text.isascii() else on_paper.sub(r"⟦secret:\1⟧", text)

    return mapped(value, unnamed)
