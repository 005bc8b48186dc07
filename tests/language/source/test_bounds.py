"""Files that are made to cost time or memory are refused, at a place, before they do."""

from __future__ import annotations

import resource
import time

import pytest

from runner.ground.errors import InvalidWorkflow
from runner.language.source import parse
from runner.language.source.tree import MOST_ALIASES, MOST_DEPTH, MOST_PROBLEMS, MOST_VALUES

SECONDS = 5.0
"""Far more than any of these takes, far less than what each would take unbounded."""


def layers(line: str, count: int) -> str:
    return "".join(line.format(level, level - 1) for level in range(1, count))


BOMBS = {
    "aliases": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + layers("a{0}: &a{0} [" + ", ".join(["*a{1}"] * 9) + "]\n", 9),
        f"more than {MOST_VALUES:,} values, with aliases written out",
    ),
    "merge keys": (
        "a0: &a0 {x: 1}\n" + layers("a{0}: &a{0} {{<<: [" + ", ".join(["*a{1}"] * 9) + "]}}\n", 9),
        "merge keys ('<<') are not used here",
    ),
    "many aliases": ("a: &x 1\nb: [" + "*x, " * 2000 + "]\n", f"more than {MOST_ALIASES} aliases"),
    "a chain of aliases": (
        "a0: &a0 [x]\n" + layers("a{0}: &a{0} [*a{1}]\n", 99),
        f"nested deeper than {MOST_DEPTH} levels",
    ),
    "open brackets": ("[" * 10_000, f"nested deeper than {MOST_DEPTH} levels"),
    "brackets": ("[" * 10_000 + "]" * 10_000, f"nested deeper than {MOST_DEPTH} levels"),
    "braces": ("{a: " * 10_000, f"nested deeper than {MOST_DEPTH} levels"),
    "bare braces": ("{" * 100_000, "YAML reads unquoted braces as a mapping"),
    "dashes": ("- " * 10_000 + "x\n", f"nested deeper than {MOST_DEPTH} levels"),
    "question marks": ("? " * 10_000, f"nested deeper than {MOST_DEPTH} levels"),
    "indentation": ("".join(f"{' ' * level}a:\n" for level in range(1000)), f"nested deeper than {MOST_DEPTH} levels"),
    "digits": ("a: " + "9" * 5000 + "\n", "this integer does not fit into 64 bits"),
    "exclamation marks": ("!" * 500_000, "YAML reads '!' as a tag"),
    "anchors": ("&a " * 100_000, "the indentation of this line fits no level above it"),
    "documents": ("---\n" * 100_000, "a file holds one document; a second one starts here"),
    "size": ("a" * (1024 * 1024 + 1), "the file is larger than 1 MiB"),
}


@pytest.mark.parametrize(("text", "message"), BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_at_a_place(text: str, message: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InvalidWorkflow) as caught:
        parse(text, "f.yaml")
    assert caught.value.problems[0].message == message
    assert caught.value.problems[0].place is not None
    assert time.perf_counter() - started < SECONDS


def test_mistakes_without_end_are_told_up_to_a_bound() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        parse("a: 1\n" * 100_000, "f.yaml")
    assert len(caught.value.problems) == MOST_PROBLEMS


def test_a_depth_that_is_allowed_is_read() -> None:
    inner = MOST_DEPTH - 2
    data = parse("a: " + "[" * inner + "x" + "]" * inner + "\n", "f.yaml").data["a"]
    for _ in range(inner):
        [data] = data
    assert data == "x"


def test_long_comments_and_texts_stay_cheap() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parse("# comment\n" * 100_000 + "a: 1\n", "f.yaml")
    parse("a: " + "x" * 1_000_000 + "\n", "f.yaml")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024
