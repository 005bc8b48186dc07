"""Files that show one mistake each, beside all that is said about them: `tests/**/mistakes.txt`.

A case is `==== name`, the file, `---- says`, and what is printed. Further files that it needs follow it, each after a
line `-- its name`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_FURTHER_FILE = re.compile(r"^-- (\S+)\n", re.MULTILINE)


def cases(corpus: Path) -> list[object]:
    """The cases of a corpus, as parameters: the text of the files, and what is said of the first."""
    _, *parts = corpus.read_text(encoding="utf-8").split("==== ")
    return [_case(part) for part in parts]


def _case(part: str) -> object:
    name, _, rest = part.partition("\n")
    text, _, said = rest.partition("---- says\n")
    return pytest.param(text, said.rstrip("\n"), id=name)


def write_files(text: str, folder: Path) -> None:
    """Write the files of a case: the first as `f.yaml`, the others under their names."""
    first, *further = _FURTHER_FILE.split(text)
    for name, content in [("f.yaml", first), *zip(further[::2], further[1::2], strict=True)]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
