"""Whether two values of expressions are the same: equal, and of the same type all through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same type all through; no number is the same as itself here."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _same_maps(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    return bool(one == other)


def _same_maps(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    def entries(items: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
        return sorted(items.items(), key=lambda item: (type(item[0]).__name__, item[0]))

    pairs = list(zip(entries(one), entries(other), strict=False))
    return len(one) == len(other) and all(same(list(left), list(right)) for left, right in pairs)
