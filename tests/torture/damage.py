"""What a disk, a copy that was cut off, or a person may do to a database file: each by a number, the same each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

PAGE = 4096

Damage = Callable[[Random, bytearray], bytes | bytearray]


def flipped(random: Random, content: bytearray) -> bytearray:
    """A few bits are others."""
    for _ in range(random.choice((1, 1, 1, 3, 20))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return content


def flipped_at_the_start(random: Random, content: bytearray) -> bytearray:
    """A bit of the first page is another: the header, and the list of tables."""
    content[random.randrange(PAGE)] ^= 1 << random.randrange(8)
    return content


def flipped_in_a_head(random: Random, content: bytearray) -> bytearray:
    """A bit of what says where on a page its rows are is another."""
    content[random.randrange(len(content) // PAGE) * PAGE + random.randrange(64)] ^= 1 << random.randrange(8)
    return content


def other_bytes(random: Random, content: bytearray) -> bytearray:
    """A piece of the file holds what does not belong there."""
    start, length = random.randrange(len(content)), random.choice((1, 16, 512, PAGE))
    content[start : start + length] = random.randbytes(len(content[start : start + length]))
    return content


def truncated(random: Random, content: bytearray) -> bytearray:
    """The file ends too early."""
    return content[: random.choice((random.randrange(len(content)), random.randrange(len(content) // PAGE) * PAGE))]


def zeroed_pages(random: Random, content: bytearray) -> bytearray:
    """Whole pages are empty."""
    for _ in range(random.choice((1, 1, 4))):
        start = random.randrange(len(content) // PAGE) * PAGE
        content[start : start + PAGE] = bytes(PAGE)
    return content


def swapped_pages(random: Random, content: bytearray) -> bytearray:
    """A page stands where another should."""
    to, source = (random.randrange(len(content) // PAGE) * PAGE for _ in "ab")
    content[to : to + PAGE] = content[source : source + PAGE]
    return content


def zeroed_header(_random: Random, content: bytearray) -> bytearray:
    """The file does not begin as a database does."""
    return bytearray(100) + content[100:]


def noise(random: Random, content: bytearray) -> bytes:
    """The file holds anything at all."""
    return random.randbytes(random.choice((1, 100, len(content))))


def of_another_program(_random: Random, content: bytearray) -> bytearray:
    """The file is another program's database: its header says so."""
    content[68:72] = b"GPKG"
    return content


DAMAGES: tuple[Damage, ...] = (
    *(flipped,) * 8,
    *(flipped_at_the_start, flipped_in_a_head, other_bytes, zeroed_pages, swapped_pages, truncated) * 2,
    *(zeroed_header, noise, of_another_program),
)
"""As often as each is tried."""


def damage(path: Path, seed: int) -> str:
    """Damage a file; how."""
    random = Random(seed)  # noqa: S311 - damage need not be a secret
    how = DAMAGES[seed % len(DAMAGES)]
    path.write_bytes(how(random, bytearray(path.read_bytes())))
    return f"seed {seed}: {(how.__doc__ or '').rstrip('.')}"
