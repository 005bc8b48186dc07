"""What model calls use: tokens, and money."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model call used. `cost_usd` None means that the price is not known, `counted` False that nothing is.

    Of several attempts together the numbers are the known sums.
    """

    model: str = ""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    cost_usd: float | None = None
    counted: bool = True

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.reply_tokens

    def after(self, before: Usage | None) -> Usage:
        """What this and an earlier attempt at the same call used together; unknown is the price of both if one is."""
        if before is None:
            return self
        known = self.cost_usd is not None and before.cost_usd is not None
        return Usage(
            self.model or before.model,
            before.prompt_tokens + self.prompt_tokens,
            before.reply_tokens + self.reply_tokens,
            (before.cost_usd or 0.0) + (self.cost_usd or 0.0) if known else None,
            before.counted and self.counted,
        )
