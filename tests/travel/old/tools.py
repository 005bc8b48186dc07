"""A tool of `talk.yaml`."""

from __future__ import annotations


def count(text: str) -> int:
    """How many letters a text has."""
    return len(text)
