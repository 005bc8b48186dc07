"""`wf` as a library: `from runner import load, run, arun`. The names are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["InvalidWorkflow", "RunResult", "StoreError", "UsageError", "arun", "load", "run"]

_ERRORS = {"InvalidWorkflow", "StoreError", "UsageError"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'runner' has no attribute '{name}'")
    return getattr(importlib.import_module("runner.ground.errors" if name in _ERRORS else "runner.api"), name)
