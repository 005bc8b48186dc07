"""What is too long to be told: kept whole beside the store, and the beginning told with the place of the rest."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from runner.world import long_streams
from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: long
inputs: {key: {type: string, secret: true, default: ""}}
permissions: {commands: [seq, sh], python: [tools.py]}
tools:
  count: {command: [seq, "{{ inputs.n }}"], inputs: {n: {type: string}}}
  both: {command: [sh, -c, "seq 20000; echo trouble >&2"]}
  tell: {command: [sh, -c, "seq 20000; echo hush-hush-1234"]}
  give: {python: tools.py:give}
agents: {a: {model: openai/gpt-4o, tools: [count, both, tell, give, files/read, files/search, files/list]}}
nodes: {ask: {agent: a, prompt: Count}}
outputs: {said: "{{ nodes.ask.output }}"}
"""
LONG = ("count", {"n": "20000"})
PLACE = re.compile(r"\n\[cut: the first (\d+) of (\d+) characters; the whole is in (\S+), which files/read and")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "tools.py").write_text("def give(n: int) -> list:\n    '''Gives it.'''\n    return ['ä' * 9] * n\n")
    return tmp_path


def told(project: Path, *wanted: tuple[str, dict[str, Any]], words: tuple[str, ...] = ()) -> list[Any]:
    """What the calls of a run gave that makes one after another."""
    turns: list[Any] = [{"tool_calls": [{"tool": tool, "with": given}]} for tool, given in wanted]
    (project / "mock.yaml").write_text(json.dumps({"ask": [*turns, "done"]}))
    wf(project, "run", "flow.yaml", "--mock", "mock.yaml", *words)
    events = map(json.loads, wf(project, "logs", "last", "--json").stdout.splitlines())
    ended = {event["step"]: event for event in events if event["type"] == "step_ended"}
    given = [ended[f"ask/call#{2 * number}"] for number in range(1, len(wanted) + 1)]
    return [event["error"]["message"] if event.get("error") else event["output"] for event in given]


def whole(project: Path, answer: str) -> str:
    """The text of the file that an answer names."""
    found = PLACE.search(answer)
    assert found is not None, answer[-300:]
    return (project / found[3]).read_text()


NUMBERS = "".join(f"{number}\n" for number in range(1, 20001))


def test_a_model_is_told_the_beginning_of_a_long_output_and_where_the_whole_is(project: Path) -> None:
    (answer,) = told(project, LONG)

    begin = answer[: answer.rindex("\n[cut:")]
    assert NUMBERS.startswith(begin)
    assert begin.endswith("\n")
    assert 60_000 < len(begin) <= 65_536
    assert whole(project, answer) == NUMBERS
    found = PLACE.search(answer)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (len(begin), len(NUMBERS))


def test_what_is_short_is_told_as_it_is(project: Path) -> None:
    (answer,) = told(project, ("count", {"n": "3"}))

    assert answer["text"] == "1\n2\n3"
    assert not (project / ".wf/kept").exists()


def test_all_that_a_program_printed_is_kept_and_what_a_function_returned(project: Path) -> None:
    both, given = told(project, ("both", {}), ("give", {"n": 9000}))

    assert whole(project, both) == f"{NUMBERS}\n[stderr]\ntrouble\n"
    assert json.loads(whole(project, given)) == ["ä" * 9] * 9000


def test_the_model_may_read_and_search_what_was_kept_and_nothing_beside_it(project: Path) -> None:
    (answer,) = told(project, LONG)
    found = PLACE.search(answer)
    assert found is not None
    path = found[3]

    (project / "plain.txt").write_text("not kept")
    read, searched, *others = told(
        project,
        ("files/read", {"path": path, "from": 19999}),
        ("files/search", {"path": path, "pattern": "^1234.$"}),
        ("files/list", {"path": ".wf/kept"}),
        ("files/read", {"path": ".wf/kept/../wf.db"}),
        ("files/read", {"path": ".wf/wf.db"}),
        ("files/read", {"path": "plain.txt"}),
        ("files/read", {"path": ".wf/kept/../../plain.txt"}),
    )

    assert read["text"] == "19999\n20000\n"
    assert [match["text"] for match in searched["matches"]] == [f"1234{digit}" for digit in range(10)]
    assert len(others) == 5
    for refused in others:
        assert "is outside the folders that may be read" in refused


def test_the_same_output_is_kept_once_under_the_same_name(project: Path) -> None:
    first, again = told(project, LONG, LONG)

    assert first == again
    assert told(project, LONG) == [first]
    assert len(list((project / ".wf/kept").iterdir())) == 1


def test_a_kept_output_is_its_owners_alone_and_holds_no_secret(project: Path) -> None:
    (answer,) = told(project, ("tell", {}), words=("-i", "key=hush-hush-1234"))

    text = whole(project, answer)
    assert "hush-hush" not in text
    assert text.startswith(NUMBERS)
    (file,) = (project / ".wf/kept").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_where_nothing_can_be_kept_the_record_holds_the_whole(project: Path) -> None:
    (project / ".wf").mkdir()
    (project / ".wf/kept").write_text("in the way")

    (answer,) = told(project, LONG)

    assert answer["stdout"] == NUMBERS


def test_gc_removes_what_no_run_that_stays_can_know(project: Path) -> None:
    told(project, LONG)
    (file,) = (project / ".wf/kept").iterdir()
    assert json.loads(wf(project, "gc", "--json").stdout)["outputs"] == 0

    assert json.loads(wf(project, "gc", "--keep", "0", "--dry-run", "--json").stdout)["outputs"] == 1
    assert file.exists()
    assert "removed long outputs: 1" in wf(project, "gc", "--keep", "0").stdout
    assert not file.exists()


def test_gc_keeps_what_a_run_that_stays_may_have_kept(project: Path) -> None:
    told(project, LONG)
    (file,) = (project / ".wf/kept").iterdir()
    told(project, ("count", {"n": "19000"}))
    os.utime(file, (1e9, 1e9))

    wf(project, "gc", "--keep", "1")

    assert len(list((project / ".wf/kept").iterdir())) == 1
    assert not file.exists()


def test_no_run_writes_where_outputs_are_kept(project: Path) -> None:
    (project / "flow.yaml").write_text(
        "wf: 1\nname: x\npermissions: {write: [.]}\nnodes: {w: {write: db/kept/x.txt, content: x}}\n"
    )
    error = wf(project, "run", "flow.yaml", "--db", "db/wf.db", "--json", code=1).document["error"]

    assert error["message"] == "'db/kept/x.txt' may not be written: wf keeps there what was too long to be told"


PRINTING = """
wf: 1
name: printing
inputs: {key: {type: string, secret: true, default: ""}, lines: {type: string, default: "2000000"}}
permissions: {commands: [sh, seq]}
nodes: {n: {command: [sh, -c, 'SCRIPT', sh, "{{ inputs.lines }}"], env: {KEY: "{{ inputs.key }}"}}}
outputs: {o: "{{ nodes.n.output }}"}
"""


def printing(project: Path, script: str, *words: str, keys: str = "") -> Any:
    flow = PRINTING.replace("SCRIPT", script).replace("env:", f"{keys}env:")
    (project / "flow.yaml").write_text(flow)
    return wf(project, "run", "flow.yaml", "--json", *words, code=None).document


def kept(project: Path) -> list[str]:
    return sorted(path.name for path in (project / ".wf/kept").iterdir())


def test_what_a_program_prints_that_is_too_long_to_be_held_is_kept(project: Path) -> None:
    output = printing(project, "seq $1; echo well >&2")["outputs"]["o"]

    text = (project / output["kept"]["stdout"]).read_text()
    assert text == "".join(f"{number}\n" for number in range(1, 2_000_001))
    begin, _, end = output["stdout"].partition("\n[cut: ")
    assert text.startswith(begin)
    assert 1_000_000 < len(begin) <= 1 << 20
    assert end == f"it has {len(text)} bytes; the whole is in {output['kept']['stdout']}]"
    assert (output["text"], output["stderr"], output["exit_code"]) == (output["stdout"], "well\n", 0)
    assert kept(project) == [Path(output["kept"]["stdout"]).name]


def test_both_streams_may_be_long_and_a_failure_tells_its_last_words(project: Path) -> None:
    document = printing(project, "seq $1; seq $1 >&2; echo no >&2; exit 3")

    assert document["error"]["type"] == "tool_failed"
    assert document["error"]["message"] == "'sh' ended with exit code 3: no"
    assert len(kept(project)) == 2


def test_no_secret_is_in_what_is_kept_wherever_a_piece_ends(project: Path) -> None:
    script = 'seq $1; i=0; while [ $i -lt 3000 ]; do echo "$KEY $KEY $KEY $KEY $KEY"; i=$((i+1)); done; seq $1'
    output = printing(project, script, "-i", "key=hush-hush-1234", "-i", "lines=1300000")["outputs"]["o"]

    text = (project / output["kept"]["stdout"]).read_text()
    assert "hush" not in text
    assert text.count("secret:key") == 15_000
    assert "hush" not in json.dumps(output)


def test_who_never_ends_is_ended_and_leaves_no_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_streams, "LONGEST_KEPT", 20 << 20)

    error = printing(project, "yes")["error"]

    assert error["message"] == "'sh' wrote more than 20 MiB to its stdout; write to a file instead"
    assert kept(project) == []


def test_a_program_that_is_cut_off_leaves_no_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = printing(project, "seq $1; exec sleep 1000", keys="timeout: 5s, ")["error"]

    assert error["type"] == "timeout"
    assert kept(project) == []


def test_where_nothing_can_be_kept_too_much_is_refused(project: Path) -> None:
    (project / ".wf").mkdir()
    (project / ".wf/kept").write_text("in the way")

    error = printing(project, "seq $1")["error"]

    assert error["message"] == "'sh' wrote more than 8 MiB to its stdout; write to a file instead"


def test_what_is_to_be_parsed_is_not_cut(project: Path) -> None:
    error = printing(project, "seq $1", keys="parse: lines, ")["error"]

    assert error["message"] == "'sh' wrote more than 8 MiB to its stdout; write to a file instead"


def test_a_model_is_told_the_file_that_a_program_filled(project: Path) -> None:
    (answer,) = told(project, ("count", {"n": "2000000"}))

    assert whole(project, answer).endswith("\n2000000\n")
    assert len(answer) < 66_000
    assert len(kept(project)) == 1
