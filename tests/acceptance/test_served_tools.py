"""Python tools that are called often: what a run sees of it, and that nothing of it outlives the run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from runner.world.processes.process_tree import look_up
from tests.acceptance.command_line import ended, process, started, wf, write
from tests.acceptance.test_leftovers import guardians, has_ended, told

TOOLS = """
import os, signal, subprocess

IMPORTED, NUMBER = os.getpid(), 1


def tell(*processes: int) -> None:
    with open("told", "w") as pipe:
        pipe.write("".join(f"{process}\\n" for process in processes))


def whose() -> list[int]:
    \"""Who has imported this, who calls, and what the file says.\"""
    return [IMPORTED, os.getpid(), NUMBER]


def key() -> str:
    \"""The key of this call.\"""
    return os.environ["WF_IDEMPOTENCY_KEY"]


def hangs() -> None:
    \"""Start a program that gets away, tell, and stay.\"""
    with open("mark", "w") as mark:
        mark.write(os.environ["WF_RUN_MARK"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    away = "(setsid env -i sh -c 'trap \\"\\" TERM; echo $$ > told; while :; do sleep 1000; done' > /dev/null 2>&1 &)"
    subprocess.run(["sh", "-c", away], check=True)
    tell(os.getpid(), IMPORTED)
    while True:
        signal.pause()
"""

HEAD = """
wf: 1
name: served
permissions: {python: [tools.py]}
tools:
  whose: {python: "tools.py:whose"}
  key: {python: "tools.py:key"}
  hangs: {python: "tools.py:hangs"}
nodes:
  one: {tool: whose, next: two}
  two: {tool: whose, next: three}
"""


def flow(folder: Path, rest: str) -> Path:
    """A flow that calls a tool twice, the second time by a server, and goes on at `three`."""
    write(folder, "tools.py", TOOLS)
    return write(folder, "flow.yaml", HEAD + rest).parent


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "its guardian killed too"])
def test_a_run_that_is_killed_leaves_no_call_and_no_server(tmp_path: Path, guarded: bool) -> None:
    flow(tmp_path, "  three: {parallel: {a: {tool: hangs}, b: {tool: hangs}}}\n")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
        handles = [next_one() for _ in range(6)]
        for guardian in [] if guarded else guardians(tmp_path):
            os.kill(guardian, signal.SIGKILL)
        run.send_signal(signal.SIGKILL)
        run.wait()
        if not guarded:
            wf(tmp_path, "cancel", "r")
        assert all(map(has_ended, handles))


def test_a_served_call_that_runs_out_of_time_is_ended_with_what_escaped_and_its_server_goes_on(tmp_path: Path) -> None:
    flow(
        tmp_path,
        "  three: {tool: hangs, timeout: 3s, on_error: continue, next: four}\n  four: {tool: whose}\n"
        'outputs: {two: "{{ nodes.two.output }}", four: "{{ nodes.four.output }}"}\n',
    )
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--json") as run:
        handles = [next_one() for _ in range(3)]
        outputs = ended(run).document["outputs"]
        assert all(has_ended(handle, 0) for handle in handles)
    assert outputs["two"][0] == outputs["four"][0]


def test_a_pause_ends_the_server_and_the_run_goes_on_with_the_code_that_it_began_with(tmp_path: Path) -> None:
    again = "  four: {tool: whose, next: five}\n  five: {tool: whose}\n"
    outputs = 'outputs: {before: "{{ nodes.two.output }}", after: "{{ [nodes.four.output, nodes.five.output] }}"}\n'
    flow(tmp_path, f"  three: {{human: {{prompt: on?}}, next: four}}\n{again}{outputs}")
    process(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    write(tmp_path, "tools.py", TOOLS.replace("getpid(), 1", "getpid(), 2"))
    said = process(tmp_path, "answer", "r", "three", "yes", "--resume", "--no-input", "--json").document["outputs"]
    (server, _, _), after = said["before"], said["after"]
    assert look_up(server) is None
    assert [number for _, _, number in after] == [1, 1]
    assert server not in {imported for imported, _, _ in after}


def test_a_run_that_ends_names_no_server_among_what_it_left(tmp_path: Path) -> None:
    outputs = 'outputs: {server: "{{ nodes.two.output[0] }}"}\n'
    flow(tmp_path, f"  three: {{tool: whose}}\n{outputs}")
    said = process(tmp_path, "run", "flow.yaml", "--run-id", "r", "--json").document
    assert look_up(said["outputs"]["server"]) is None
    assert wf(tmp_path, "show", "r", "--json").document["left"] == {}
    assert "ends what steps left" not in wf(tmp_path, "logs", "r").stdout


def test_each_call_has_the_key_of_its_own_step(tmp_path: Path) -> None:
    three = "  three: {for_each: [1, 2, 3], as: n, do: {tool: key}}\n"
    flow(tmp_path, f'{three}outputs: {{keys: "{{{{ nodes.three.output }}}}"}}\n')
    said = process(tmp_path, "run", "flow.yaml", "--run-id", "r", "--json").document
    assert said["outputs"]["keys"] == [f"r/three[{number}]" for number in range(3)]


def test_tools_of_one_file_in_workflows_with_other_permissions_have_servers_of_their_own(tmp_path: Path) -> None:
    calls = "nodes: {a: {tool: whose, next: b}, b: {tool: whose}}\noutputs: {whose: '{{ nodes.b.output }}'}\n"
    tools = '\ntools: {whose: {python: "tools.py:whose"}}\n'
    write(tmp_path, "child.yaml", f"wf: 1\nname: child\npermissions: {{python: [tools.py]}}{tools}{calls}")
    outputs = 'outputs: {ours: "{{ nodes.two.output }}", theirs: "{{ nodes.three.output.whose }}"}\n'
    text = HEAD.replace("[tools.py]}", "[tools.py], read: [.]}")
    write(tmp_path, "tools.py", TOOLS)
    write(tmp_path, "flow.yaml", f"{text}  three: {{workflow: child.yaml}}\n{outputs}")
    said = process(tmp_path, "run", "flow.yaml", "--json").document["outputs"]
    assert said["ours"][0] != said["theirs"][0] != said["theirs"][1]
