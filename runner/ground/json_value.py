"""What a JSON value is in Python."""

from __future__ import annotations

from typing import Any

Json = Any
"""None, bool, int, float, str, list or dict with string keys, all the way down."""
