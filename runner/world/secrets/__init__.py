"""Secrets stand in a run as references; they are resolved at use, and masked by value in what comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.language.secret_text import OWN
from runner.world.secrets.forms import SHORTEST
from runner.world.secrets.json_texts import mapped
from runner.world.secrets.masks import Masks
from runner.world.secrets.references import References, without_nonce, written_reference

__all__ = ["CutReference", "Secrets", "without_nonce", "written_reference"]


class CutReference(Exception):
    """A text holds a part of a reference: its secret was cut up or changed."""


class Secrets:
    """One run's secrets by input name, in one process. `nonce` is that of the references in its record."""

    def __init__(self, nonce: str, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            if 0 < len(value) < SHORTEST:
                words = f"secret input '{name}' is shorter than {SHORTEST} characters"
                raise UsageError(words, "masking it would mask ordinary text")
        self.nonce = nonce
        self._references = References(nonce)
        known = {name: value for name, value in values.items() if value}
        self.names = tuple(known)
        self.longest = max(map(len, known.values()), default=0)
        self._masks = Masks(known, self._references.of, OWN) if known else None

    @property
    def any(self) -> bool:
        """Whether there is any secret."""
        return self._masks is not None

    def reference(self, name: str) -> str:
        """What stands for a secret input in memory."""
        return self._references.of(name)

    def stands_in(self, name: str, text: str) -> bool:
        """Whether a text holds the reference to a secret input, in any of its forms."""
        return any(found[1] == name and self._references.is_own(found) for found in OWN.finditer(text))

    def reveal(self, value: Json) -> Json:
        """Put the secrets in the place of their references, at any depth. Raises CutReference."""
        return value if self._masks is None else mapped(value, self._reveal_text)

    def mask(self, value: Json) -> Json:
        """Put references in the place of secrets, in whatever form they stand there, at any depth, in keys too."""
        return value if self._masks is None else self._masks.mask(value)

    def mask_parts(self, value: Json) -> Json:
        """The same of what messages say: also where a text was cut within a secret."""
        return value if self._masks is None else self._masks.mask_parts(value)

    def to_paper(self, value: Json) -> Json:
        """The value as it is recorded, and shown to people."""
        return value if self._masks is None else self._references.to_paper(value)

    def from_paper(self, value: Json) -> Json:
        """The value as it is in memory, from the run's own record. Nothing else may be read so."""
        return value if self._masks is None else self._references.from_paper(value)

    def shown(self, value: Json) -> Json:
        """Foreign text as people may see it."""
        return self.to_paper(self.mask(value))

    def _reveal_text(self, text: str) -> str:
        revealed = text if text.isascii() else OWN.sub(self._revealed, text)
        if self._references.rest_of(revealed):
            raise CutReference
        return revealed

    def _revealed(self, found: re.Match[str]) -> str:
        assert self._masks is not None, "only a run with secrets reveals any"
        return self._masks.texts.get(found[0], found[0]) if self._references.is_own(found) else found[0]
