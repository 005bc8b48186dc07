"""How large an expression, and the work that it asks for, may be."""

from __future__ import annotations

MAX_LENGTH = 4096
"""Characters of source."""

MAX_DEPTH = 128
"""Levels of operators, calls, lists and maps within one another; parentheses and chains of `&&` or `||` are none."""

MAX_STEPS = 1_000_000
"""Steps of one evaluation: well under a second. A turn of a macro costs a step for each node that the macro has."""

COMPARED_A_STEP = 2
"""Elements of lists and entries of maps that are compared for one step."""

COPIED_A_STEP = 16
"""Characters and elements that are copied for one step."""

READ_A_STEP = 64
"""Characters that a function reads for one step."""

FAULT_STEPS = 8
"""Steps that it costs to absorb an error."""

MAX_PATTERN = 1000
"""Characters of a regular expression."""

PATTERN_MEMORY = 1 << 20
"""Bytes that RE2 may use for one pattern."""
