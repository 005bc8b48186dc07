"""What a program printed is kept with every attempt: failed, timed out, cut off, retried, flooding."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import ended, process, started, wf, write

HEAD = "wf: 1\nname: flow\npermissions: {commands: [sh], python: [tools.py]}\n"
SAYS = "echo done 3 of 8; echo held by nobody >&2"
DETAILS = {"program": "sh", "exit_code": None, "signal": None, "stdout": "done 3 of 8\n", "stderr": "held by nobody\n"}


def events(folder: Path, type_: str) -> list[Any]:
    lines = map(json.loads, wf(folder, "logs", "r", "--json").stdout.splitlines())
    found = [line.get("event", line) for line in lines]
    return [event for event in found if event["type"] == type_]


def run(folder: Path, nodes: str, code: int = 0) -> Any:
    write(folder, "flow.yaml", HEAD + nodes)
    return process(folder, "run", "flow.yaml", "--run-id", "r", "--no-input", "--json", code=code).document


def test_a_timeout_keeps_what_was_printed_and_ends_its_message_with_the_last_line(tmp_path: Path) -> None:
    outputs = 'outputs: {out: "{{ nodes.copy.output.text }}", error: "{{ nodes.copy.error }}"}\n'
    trap = "trap 'echo cleaning up >&2; exit' TERM"
    node = f'timeout: 1s, on_error: continue, script: "{trap}; {SAYS}; read never < gate & wait"'
    os.mkfifo(tmp_path / "gate")
    given = run(tmp_path, f"nodes: {{copy: {{{node}}}}}\n{outputs}")["outputs"]
    assert given["out"] == "done 3 of 8"
    assert given["error"]["message"] == "no end after 1 s: held by nobody"
    assert given["error"]["details"] == {**DETAILS, "stderr": "held by nobody\ncleaning up\n"}


def test_every_attempt_that_is_retried_keeps_what_it_printed(tmp_path: Path) -> None:
    retry = "retry: {max_attempts: 3, initial_interval: 1ms, errors: [tool_failed]}"
    run(tmp_path, f"nodes: {{a: {{{retry}, script: 'echo \"try $WF_ATTEMPT\"; echo end; exit 4'}}}}\n", code=1)
    kept = [event["error"]["details"]["stdout"] for event in events(tmp_path, "attempt_failed")]
    assert kept == ["try 1\nend\n", "try 2\nend\n"]
    shown = wf(tmp_path, "show", "r", "--json").document["attempts"]
    assert [row["error"]["details"]["stdout"] for row in shown] == [*kept, "try 3\nend\n"]
    assert {row["error"]["details"]["exit_code"] for row in shown} == {4}


def test_of_much_that_a_failed_program_printed_the_last_whole_lines_are_in_its_error(tmp_path: Path) -> None:
    run(tmp_path, "nodes: {a: {script: 'seq 100000; exit 1'}}\n", code=1)
    (step,) = events(tmp_path, "step_ended")
    kept = step["error"]["details"]["stdout"]
    assert kept.endswith("99999\n100000\n")
    assert 65_000 < len(kept) <= 65_536
    assert kept.splitlines() == [str(number) for number in range(int(kept.split()[0]), 100_001)]
    assert len(step["output"]["stdout"]) == 588_895, "and all of it in its output, since it ended by itself"


def test_of_a_flood_the_end_is_kept(tmp_path: Path) -> None:
    flood = "trap 'echo last words >&2; exit' TERM; echo begun >&2; while :; do seq 1000000; done"
    run(tmp_path, f'nodes: {{a: {{script: "{flood}"}}}}\n', code=1)
    (step,) = events(tmp_path, "step_ended")
    details = step["error"]["details"]
    assert details["stream"] == "stdout"
    assert 65_000 < len(details["stdout"]) <= 65_536
    assert details["stderr"].startswith("begun\n")
    assert step["output"]["stdout"] == details["stdout"]


def test_a_branch_that_is_cut_off_keeps_what_it_had_printed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "never")
    branches = f"slow: {{script: '{SAYS}; echo go > gate; read end < never'}}, quick: {{script: 'read go < gate'}}"
    run(tmp_path, f"nodes: {{fan: {{join: any, parallel: {{{branches}}}}}}}\n")
    cut = next(event for event in events(tmp_path, "step_ended") if event["status"] == "cancelled")
    assert cut["printed"] == {"program": "sh", "stdout": DETAILS["stdout"], "stderr": DETAILS["stderr"]}
    rows = wf(tmp_path, "show", "r", "--json").document["attempts"]
    (error,) = [row["error"] for row in rows if row["error"]]
    assert (error["type"], error["details"]) == ("cancelled", DETAILS)
    assert "cancelled: it was cut off: held by nobody" in wf(tmp_path, "show", "r").stdout


def test_what_a_stop_cuts_off_keeps_what_it_had_printed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    os.mkfifo(tmp_path / "never")
    write(
        tmp_path,
        "flow.yaml",
        f"{HEAD}nodes: {{a: {{script: \"trap '' TERM; {SAYS}; echo go > begun; read end < never\"}}}}\n",
    )
    with started(tmp_path, "run", "flow.yaml", "--run-id", "r") as running:
        (tmp_path / "begun").read_text(encoding="utf-8")
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        while "once more to stop at once" not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        assert ended(running).code == 130
    (paused,) = events(tmp_path, "run_paused")
    assert paused["cut"] == {"a": {name: DETAILS[name] for name in ("program", "stdout", "stderr")}}
    assert "interrupted: it was cut off: held by nobody" in wf(tmp_path, "show", "r").stdout


@pytest.mark.parametrize(
    ("body", "code"),
    [("return 1", 0), ("raise ValueError('no')", 1), ("os._exit(7)", 1), ("return {1}", 1), ("os.read(3, 1)", 1)],
    ids=["returns", "raises", "dies", "returns no JSON", "never ends"],
)
def test_a_python_tool_keeps_what_it_printed_however_it_ends(tmp_path: Path, body: str, code: int) -> None:
    says = "print('working', flush=True)\n print('odd', file=sys.stderr, flush=True)"
    text = f"import os, sys, time\ndef f():\n {says}\n {body}\n"
    write(tmp_path, "tools.py", text.replace("os.read(3, 1)", "time.sleep(1000)"))
    tools = "tools: {f: {python: './tools.py:f'}}\n"
    run(tmp_path, f"{tools}nodes: {{a: {{tool: f, timeout: 3s}}}}\n", code=code)
    (step,) = [event for event in events(tmp_path, "step_ended") if event["node"] == "a"]
    kept = step["error"]["details"] if code else step["printed"]
    assert (kept["stdout"], kept["stderr"].partition("\n")[0]) == ("working\n", "odd")


def test_no_half_of_a_secret_is_kept_where_the_end_of_much_output_begins(tmp_path: Path) -> None:
    """The secret fills all lines, so that any cut goes through one."""
    secret = "open-" + "sesame" * 20
    script = """script: 'for i in $(seq 5000); do printf "$T$T"; done; exit 1'"""
    node = "{env: {T: '{{ inputs.token }}'}, " + script + "}"
    inputs = "inputs: {token: {type: string, secret: true}}"
    write(tmp_path, "flow.yaml", f"{HEAD}{inputs}\nnodes: {{a: {node}}}\n")
    process(tmp_path, "run", "flow.yaml", "--run-id", "r", "-i", f"token={secret}", code=1)
    (step,) = events(tmp_path, "step_ended")
    assert "sesame" not in json.dumps(step["error"])
    assert "secret:token" in step["error"]["details"]["stdout"]


def test_what_a_failed_step_printed_is_shown_with_it(tmp_path: Path) -> None:
    run(tmp_path, 'nodes: {copy: {script: "seq 9; echo first >&2; echo held by nobody >&2; exit 3"}}\n', code=1)
    shown = wf(tmp_path, "show", "r").stdout.splitlines()
    start = next(number for number, line in enumerate(shown) if "tool_failed" in line and line.startswith("    "))
    assert shown[start + 1 : start + 8] == [
        *(f"    stdout: {number}" for number in range(5, 10)),
        "    stderr: first",
        "    stderr: held by nobody",
    ]
