"""How texts hold secrets that are not to be seen: by references, which are passed on whole and nothing else."""

from __future__ import annotations

import re

RARE = "[\U00100000-\U0010fffd]"
NONCE_LENGTH = 8
"""Characters of a nonce, of 16 bits each. They are from a plane that texts have no use for: any part of one is seen."""

OPENING = "⟦secret:"

OWN = re.compile(rf"{OPENING}([^:.⟦⟧]+)(?:\.([^:⟦⟧]*))?:({RARE}{{{NONCE_LENGTH}}})⟧")
"""A reference in memory, or what looks like one."""

WHOLE_ONLY = "a secret can only be passed on whole, or compared with the empty text"
"""Why an operation on a secret fails: it would work on what stands for it."""

WHOLE_ONLY_HINT = "use {{ inputs.NAME }} by itself, and let what is given the secret cut, change or compare it"


def holds_secret(value: object) -> bool:
    """Whether a value is a text that holds a reference."""
    return isinstance(value, str) and OPENING in value and OWN.search(value) is not None


def in_json(text: str) -> str:
    """A text of JSON, with those references that stand for the secret as JSON writes it."""
    return OWN.sub(_in_json, text) if OPENING in text else text


def _in_json(found: re.Match[str]) -> str:
    return found[0] if found[2] else f"{OPENING}{found[1]}.json:{found[3]}⟧"
