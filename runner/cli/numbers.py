"""Numbers as options take them, refused in words that say which would do."""

from __future__ import annotations

from typing import Any

import click


class Whole(click.IntRange):
    """A whole number from `min` on, or up to `max`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Raises click.BadParameter."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            upto = "on" if self.max is None else f"to {self.max}"
            self.fail(f"'{value}' is no whole number from {self.min} {upto}", param, ctx)
