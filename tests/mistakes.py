"""Files that show one mistake each, beside all that is said about them: `tests/*/mistakes.txt`.

A case is `==== name`, the file, `---- says`, and what is printed.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def cases(corpus: Path) -> list[object]:
    """The cases of a corpus, as parameters: the file's text, and what is said of it."""
    _, *parts = corpus.read_text(encoding="utf-8").split("==== ")
    return [_case(part) for part in parts]


def _case(part: str) -> object:
    name, _, rest = part.partition("\n")
    text, _, said = rest.partition("---- says\n")
    return pytest.param(text, said.rstrip("\n"), id=name)
