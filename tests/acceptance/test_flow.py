"""Control flow through the command line: real programs, real clocks, and the record that a run leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from runner.ground.json_value import Json

WF = Path(sys.executable).with_name("wf")


def wf(folder: Path, *words: str, code: int = 0) -> Json:
    """What `wf … --json` prints; None if nothing."""
    command = [str(WF), *words, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout or "null")


def run(folder: Path, flow: str, *words: str, code: int = 0, **files: str) -> Json:
    for name, text in {"flow": flow, **files}.items():
        head = "" if name == "mock" else f"wf: 1\nname: {name}\n"
        (folder / f"{name}.yaml").write_text(head + textwrap.dedent(text), encoding="utf-8")
    mock = ("--mock", "mock.yaml") if "mock" in files else ()
    return wf(folder, "run", "flow.yaml", "--no-input", "--run-id", "r", *mock, *words, code=code)


def statuses(folder: Path) -> dict[str, str]:
    return {step["step"]: step["status"] for step in wf(folder, "show", "r")["steps"]}


def test_a_run_out_of_time_is_cut_with_the_workflow_that_it_called_and_both_run_their_finally(tmp_path: Path) -> None:
    flow = """
    permissions: {commands: [sleep]}
    limits: {timeout: 400ms}
    state: {why: {type: string, default: ""}}
    nodes: {a: {workflow: child.yaml, on_error: b}, b: {}}
    rescue: {steps: [{set: {why: "{{ error.type }}"}}]}
    finally: {if: 'error.type == "timeout"', set: {why: "{{ state.why }} seen"}}
    """
    child = """
    limits: {timeout: 400ms}
    nodes: {slow: {command: [sleep, "60"]}}
    finally: {if: 'error.type == "cancelled"', command: [sleep, "0.01"]}
    """
    result = run(tmp_path, flow, code=1, child=child)
    assert (result["status"], result["error"]["type"]) == ("failed", "timeout")
    assert statuses(tmp_path) == {
        "a": "cancelled",
        "a/slow": "cancelled",
        "a/finally": "completed",
        "rescue/s1": "completed",
        "finally": "completed",
    }
    assert wf(tmp_path, "state", "r") == {"why": "timeout seen"}


def test_waiting_is_no_running_time_and_pauses_between_attempts_are(tmp_path: Path) -> None:
    flow = """
    permissions: {commands: ["false"]}
    limits: {timeout: 500ms}
    nodes:
      wait: {wait: {for: 800ms}, next: work}
      work: {command: ["false"], retry: {max_attempts: 9, initial_interval: 60s, errors: [tool_failed]}}
    """
    assert run(tmp_path, flow, code=1)["error"]["type"] == "timeout"
    assert statuses(tmp_path) == {"wait": "completed", "work": "cancelled"}


def test_a_retried_parallel_goes_on_in_the_same_lists_of_scripted_replies(tmp_path: Path) -> None:
    flow = """
    agents: {one: {model: a/b}, two: {model: a/b}}
    nodes:
      p:
        parallel: {a: {agent: one, prompt: hi}, b: {steps: [{agent: two, prompt: hi}]}}
        retry: {max_attempts: 2, initial_interval: 0s, errors: [authentication]}
    outputs: {p: "{{ nodes.p.output }}"}
    """
    mock = """
    p/a: [first, again]
    p/b/s1: [{error: authentication}, fine]
    """
    assert run(tmp_path, flow, mock=mock)["outputs"] == {"p": {"a": "again", "b": "fine"}}


def test_an_agent_written_in_a_call_bears_the_name_that_it_stands_for(tmp_path: Path) -> None:
    flow = """
    nodes: {a: {workflow: child.yaml, agents: {writer: {model: x/y}}}}
    outputs: {text: "{{ nodes.a.output.text }}"}
    """
    child = """
    agents: {writer: {model: a/b}}
    nodes: {n: {agent: writer, prompt: hi}}
    outputs: {text: "{{ nodes.n.output }}"}
    """
    assert run(tmp_path, flow, child=child, mock="writer: [hello]")["outputs"] == {"text": "hello"}


def test_what_a_command_printed_is_there_though_its_set_failed(tmp_path: Path) -> None:
    flow = """
    permissions: {commands: [echo]}
    state: {n: {type: integer, default: 0}}
    nodes: {a: {command: [echo, hi], set: {n: "{{ output.text }}"}, on_error: continue}}
    outputs: {text: "{{ nodes.a.output.text }}", type: "{{ nodes.a.error.type }}"}
    """
    assert run(tmp_path, flow)["outputs"] == {"text": "hi", "type": "state_invalid"}


def test_a_failing_run_ends_the_processes_of_its_strays(tmp_path: Path) -> None:
    flow = """
    permissions: {commands: [sh, "false"]}
    nodes:
      p: {parallel: {a: {script: "sleep 60; echo late > late"}}, join: none, next: z}
      z: {command: ["false"]}
    """
    run(tmp_path, flow, code=1)
    assert statuses(tmp_path) == {"p": "completed", "p/a": "cancelled", "z": "failed"}
    assert not (tmp_path / "late").exists()


def test_a_time_limit_that_is_no_duration_makes_no_run(tmp_path: Path) -> None:
    flow = """
    inputs: {t: {type: string}}
    limits: {timeout: "{{ inputs.t }}"}
    nodes: {a: {}}
    """
    run(tmp_path, flow, "-i", "t=soon", code=2)
    assert wf(tmp_path, "runs") == []
