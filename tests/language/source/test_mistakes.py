"""Text that is no YAML, or that YAML does not take as it was meant: every mistake in words, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.ground.errors import InvalidWorkflow
from runner.language.source import parse
from tests.mistakes import cases


def said_of(text: str | bytes) -> str:
    """All that is said of a text that can't be read."""
    with pytest.raises(InvalidWorkflow) as caught:
        parse(text, "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(("text", "said"), cases(Path(__file__).parent / "mistakes.txt"))
def test_a_mistake_is_told_at_its_place(text: str, said: str) -> None:
    assert said_of(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1:1: error: the file is empty"),
        (
            "a: x\x07\n",
            "f.yaml:1:5: error: the character U+0007 can't stand in a YAML file\n"
            "  a: x\N{REPLACEMENT CHARACTER}\n"
            "      ^\n"
            '  help: in double quotes it can be written as "\\u0007"',
        ),
        (
            "a: x\u2028y\n",
            "f.yaml:1:5: error: the character U+2028 can't stand in a YAML file\n"
            "  a: x\N{REPLACEMENT CHARACTER}y\n"
            "      ^\n"
            '  help: in double quotes it can be written as "\\u2028"',
        ),
        (
            'a: "\\ud800"\n',
            'f.yaml:1:4: error: this text holds half of a surrogate pair\n  a: "\\ud800"\n     ^^^^^^^^',
        ),
        (
            b"a: 1\nb: \xff\n",
            "f.yaml:2:4: error: the file is not UTF-8 here\n"
            "  b: \N{REPLACEMENT CHARACTER}\n"
            "     ^\n"
            "  help: save it as UTF-8",
        ),
        (
            "a: 1".encode("utf-16"),
            "f.yaml:1:1: error: the file is not UTF-8; it looks like UTF-16\n  help: save it as UTF-8",
        ),
        (
            "a: 1".encode("utf-16-le"),
            "f.yaml:1:1: error: the file is not UTF-8; it looks like UTF-16\n  help: save it as UTF-8",
        ),
    ],
    ids=["nothing", "a bell", "a line separator", "half a pair", "another encoding", "UTF-16", "UTF-16 without a mark"],
)
def test_a_character_that_can_not_stand_in_a_file_is_told(text: str | bytes, said: str) -> None:
    assert said_of(text) == said


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    assert said_of(f"a: .inf # {'x' * 500}\n").splitlines()[1] == f"  a: .inf # {'x' * 190}…"
    assert said_of(f"a: [{'1, ' * 100}.inf]\n") == (
        "f.yaml:1:305: error: '.inf' is no JSON number\n"
        f"  …{'1, ' * 20}.inf]\n"
        f"  {' ' * 61}^^^^\n"
        "  help: put it in quotes: '.inf'"
    )
    assert said_of(f"a: [{'1, ' * 100}.inf{', 1' * 100}]\n").splitlines()[1] == f"  …{'1, ' * 20}.inf{', 1' * 45},…"


@pytest.mark.parametrize(
    "text",
    [
        "if: state.count > 3 # a comment\n",
        "title: don't # a comment\n",
        'when: state.tag == "a" # (a comment\n',
        "- {when: f(a), to: b}\n",
        "title: Issue#12\n",
        "when: '!x'\n",
        "description: >\n  a # b\n",
        "a: &x [1]\nb: *x\n",
        "%YAML 1.2\n---\na: 1\n...\n",
        "? a\n: b\n",
    ],
)
def test_what_only_looks_like_a_mistake_is_read(text: str) -> None:
    parse(text, "f.yaml")
