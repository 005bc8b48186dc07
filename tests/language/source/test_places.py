"""Where a value, a key or a character of a text stands in its file."""

from __future__ import annotations

from runner.ground.errors import Place
from runner.language.source import Source, parse

FLOW = """\
name: demo
nodes:
  ask:
    agent: triager
    prompt: |
      First line
        second {{ x }}

      last
    next:
      - {when: 'a == "it''s"', to: done}
      - to:
          done
  fold:
    prompt: >-
      one
      two

      three
    note: "tab\\there \\U0001F600 caf\\u00e9 end"
    long: "one
      two"
  done: {end: completed}
"""


def source() -> Source:
    return parse(FLOW, "f.yaml")


def at(place: Place) -> tuple[int, int]:
    return place.line, place.column


def shown(place: Place) -> str:
    """What the caret underlines."""
    return place.token


def test_a_value_and_its_key_have_places() -> None:
    place = source().place(("nodes", "ask", "agent"))
    assert place == Place("f.yaml", 4, 12, "    agent: triager", 7)
    assert shown(source().place(("nodes", "ask", "agent"), key=True)) == "agent"


def test_a_mapping_without_braces_is_shown_by_its_key() -> None:
    assert shown(source().place(("nodes", "ask"))) == "ask"
    assert shown(source().place(("nodes", "done"))) == "{end: completed}"
    assert at(source().place(("nodes", "ask", "next", 1))) == (12, 9)


def test_an_empty_value_is_shown_by_its_key() -> None:
    assert shown(parse("a:\n  b:\n", "f.yaml").place(("a", "b"))) == "b"


def test_an_unknown_path_has_the_place_of_what_is_known_of_it() -> None:
    assert shown(source().place(("nodes", "ask", "missing", "deeper"))) == "ask"
    assert at(source().place(("nodes", "ask", "next", 7))) == (10, 5)
    assert at(source().place(("missing",))) == (1, 1)


def test_an_offset_in_one_line_is_found_behind_quotes_and_escapes() -> None:
    when = ("nodes", "ask", "next", 0, "when")
    value = 'a == "it\'s"'
    assert source().data["nodes"]["ask"]["next"][0]["when"] == value
    assert at(source().place(when, offset=0)) == (11, 17)
    assert shown(source().place(when, offset=value.index("s"))) == "s"
    note = ("nodes", "fold", "note")
    text = source().data["nodes"]["fold"]["note"]
    assert shown(source().place(note, offset=text.index("here"), width=4)) == "here"
    assert shown(source().place(note, offset=text.index("end"), width=3)) == "end"


def test_an_offset_in_a_block_is_found_on_its_line() -> None:
    prompt = ("nodes", "ask", "prompt")
    text = source().data["nodes"]["ask"]["prompt"]
    assert at(source().place(prompt, offset=text.index("First"))) == (6, 7)
    assert at(source().place(prompt, offset=text.index("{{"), width=7)) == (7, 16)
    assert shown(source().place(prompt, offset=text.index("last"), width=4)) == "last"


def test_an_offset_in_folded_text_is_found_on_its_line() -> None:
    prompt = ("nodes", "fold", "prompt")
    assert source().data["nodes"]["fold"]["prompt"] == "one two\nthree"
    assert [at(source().place(prompt, offset=offset)) for offset in (0, 4, 8)] == [(16, 7), (17, 7), (19, 7)]
    assert at(source().place(("nodes", "fold", "long"), offset=4)) == (22, 7)


def test_an_offset_beyond_a_text_is_its_end() -> None:
    assert at(source().place(("name",), offset=4)) == (1, 11)
    assert at(source().place(("name",), offset=400)) == (1, 11)


def test_what_an_alias_repeats_has_the_place_of_the_alias() -> None:
    repeated = parse("a: &x text\nb: *x\nc: &y {d: e}\nf: *y\n", "f.yaml")
    assert shown(repeated.place(("b",))) == "*x"
    assert shown(repeated.place(("b",), offset=2)) == "*"
    assert at(repeated.place(("f", "d"))) == (3, 11)
