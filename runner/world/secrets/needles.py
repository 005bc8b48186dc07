"""Finds many texts in a long one at once, in a time that grows with its length alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

import msgspec

Text = TypeVar("Text", str, bytes)

_LONGEST_SAMPLE = 8
_LONGEST_STRIDE = 128
_LONG = 32
"""From so many characters on, texts are looked for apart from shorter ones: with longer strides."""


class Found(msgspec.Struct, frozen=True):
    """Where one of the texts stands, and what is kept with it."""

    start: int
    end: int
    label: str


class _Gauge(Generic[Text]):
    """Texts of about the same length.

    The long text is looked at in strides. They are so short that a sample at each of them can't miss a text: one of
    the samples is then a part of that text near its beginning.
    """

    def __init__(self, labels: Mapping[Text, str]) -> None:
        self._labels: Mapping[Text, str] = labels
        shortest = min(map(len, labels))
        self._size = min(_LONGEST_SAMPLE, (shortest + 1) // 2)
        self._stride = min(_LONGEST_STRIDE, shortest - self._size + 1)
        self._samples: dict[Text, list[tuple[int, Text]]] = {}
        for text in sorted(labels, key=len, reverse=True):
            for offset in range(self._stride):
                self._samples.setdefault(text[offset : offset + self._size], []).append((offset, text))

    def found_in(self, whole: Text) -> Iterator[Found]:
        """Each place where one of the texts stands, the longest first of those that a sample finds."""
        samples, size = self._samples, self._size
        end = 0
        for at in [at for at in range(0, len(whole), self._stride) if whole[at : at + size] in samples]:
            for offset, text in samples[whole[at : at + size]]:
                start = at - offset
                if start >= end and whole.startswith(text, start):
                    end = start + len(text)
                    yield Found(start, end, self._labels[text])
                    break


class Needles(Generic[Text]):
    """Texts to be found, each with a label."""

    def __init__(self, labels: Mapping[Text, str]) -> None:
        long = {text: label for text, label in labels.items() if len(text) >= _LONG}
        short = {text: label for text, label in labels.items() if len(text) < _LONG}
        self._gauges: list[_Gauge[Text]] = [_Gauge(group) for group in (long, short) if group]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be found."""
        return not self._gauges

    def found_in(self, whole: Text) -> list[Found]:
        """Where they stand, from left to right, no two of them over each other; the longer one counts."""
        return _apart(found for gauge in self._gauges for found in gauge.found_in(whole))


def _apart(found: Iterable[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept
