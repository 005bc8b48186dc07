"""What model calls use, and what is reserved for them: tokens, and money."""

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


_PICOS = 10**12


def picos(usd: float) -> int:
    """Money in millionths of a millionth of a dollar: whole numbers, so that sums are exact in any order."""
    return round(usd * _PICOS)


def in_usd(money: int) -> float:
    """Such money in USD."""
    return money / _PICOS


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The most that a model call may use: its prompt, by its bytes, and the longest reply. `picos`: of a USD."""

    tokens: int
    picos: int = 0

    @property
    def cost_usd(self) -> float:
        return in_usd(self.picos)


class Account(msgspec.Struct):
    """What model calls have taken of a budget: what they used, and what is reserved for those in flight.

    `closed`: for one of them more was counted than was reserved, so that nothing bounds the next.
    """

    tokens: int = 0
    picos: int = 0
    closed: bool = False

    @property
    def cost_usd(self) -> float:
        return in_usd(self.picos)
