"""Numbers that lose digits: warned of where a text may be meant, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf

FLOW = """wf: 1
name: numbers
permissions: {{commands: [echo]}}
inputs: {{v: {{default: {default}}}, n: {{type: number, default: 1.50}}}}
state: {{n: {{type: [integer, "null"], default: null}}, any: {{default: null}}}}
tools: {{t: {{command: [echo, "{{{{ inputs.v }}}}"], inputs: {{v: {{}}}}}}}}
nodes:
  a: {{for_each: [{item}], do: {{command: [echo, "{{{{ item }}}}"]}}, next: b}}
  b: {{set: {{n: 010, any: {{deep: [{set}]}}}}, next: c}}
  c: {{tool: t, with: {{v: {given}}}}}
outputs: {{x: {output}}}
"""


def warned(folder: Path, **written: str) -> list[str]:
    """The warnings of a flow in whose places stands what is given, else a text."""
    places = dict.fromkeys(("default", "item", "set", "given", "output"), "text") | written
    (folder / "f.yaml").write_text(FLOW.format(**places), encoding="utf-8")
    return [line for line in wf(folder, "validate", "f.yaml").stderr.splitlines() if not line.startswith("  ")]


@pytest.mark.parametrize(
    ("written", "read"), [("3.10", "3.1"), ("007", "7"), ("-01.0", "-1.0"), ("+49", "49"), ("1.", "1.0"), ("00", "0")]
)
def test_a_number_that_loses_digits_is_warned_of_wherever_it_may_be_a_text(
    tmp_path: Path, written: str, read: str
) -> None:
    places = {"default": (4, 23), "item": (8, 18), "set": (9, 34), "given": (10, 26), "output": (11, 14)}
    for place, (line, column) in places.items():
        said = f"f.yaml:{line}:{column}: warning: {written} is read as the number {read}"
        assert warned(tmp_path, **{place: written}) == [said]


@pytest.mark.parametrize("written", ["3.1", "7", "0", "-1.5", "1.0", "0x1F", "1e3", ".5", '"3.10"', "'007'", "1.2.0"])
def test_other_numbers_and_texts_are_not_warned_of(tmp_path: Path, written: str) -> None:
    for place in ("default", "item", "set", "given", "output"):
        assert warned(tmp_path, **{place: written}) == []


def test_the_help_shows_the_quotes(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("wf: 1\nname: x\nnodes: {a: {}}\noutputs: {x: 1.10}\n", encoding="utf-8")
    assert wf(tmp_path, "validate", "f.yaml", "--strict", code=2).stderr == (
        "f.yaml:4:14: warning: 1.10 is read as the number 1.1\n"
        "  outputs: {x: 1.10}\n"
        "               ^^^^\n"
        '  help: if a text is meant, put it in quotes: "1.10"\n'
    )
