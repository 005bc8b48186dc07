"""What models cost, and what may be spent on them."""

from __future__ import annotations

from typing import Literal

import msgspec


class Price(msgspec.Struct, frozen=True):
    """What tokens cost, in USD per million."""

    input: float
    output: float

    def of(self, prompt_tokens: int, reply_tokens: int) -> float:
        """What so many cost, in USD."""
        return (prompt_tokens * self.input + reply_tokens * self.output) / 1e6


class Budget(msgspec.Struct, frozen=True):
    """What model calls may take, and what becomes of one that can't be paid any more: it fails, or the run pauses."""

    max_cost_usd: float | None = None
    max_tokens: int | None = None
    on_exhausted: Literal["fail", "pause"] = "fail"

    @property
    def is_set(self) -> bool:
        return self.max_cost_usd is not None or self.max_tokens is not None
