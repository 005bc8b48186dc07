"""Where the data that is shipped with the package lies: in the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def data(folder: str) -> Path:
    """The shipped folder of that name: `_data/<folder>` of the package, else the checkout's top-level one."""
    packaged = _PACKAGE / "_data" / folder
    return packaged if packaged.is_dir() else _PACKAGE.parent / folder
