"""How a model may be asked, whoever asks it in a run."""

from __future__ import annotations

from math import inf

import msgspec


class ModelBounds(msgspec.Struct, frozen=True):
    """Calls at once, calls and tokens a minute; infinite where nothing bounds them."""

    at_once: float = inf
    calls: float = inf
    tokens: float = inf

    def with_(self, other: ModelBounds) -> ModelBounds:
        """The tighter of both, each by itself."""
        return ModelBounds(
            min(self.at_once, other.at_once), min(self.calls, other.calls), min(self.tokens, other.tokens)
        )
