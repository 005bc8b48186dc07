"""Ten thousand branches, a long chain, a long loop, deep nesting: a run completes within bounds of memory and disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.conftest import Share
from tests.torture.trial import Flow, Trial

MEMORY = 500 << 10
"""KiB that no process may take."""

MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as peak:
    peak.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Runs a command, and writes into a file how many KiB it took: its own parent is small, whatever this process is."""

ROW = 1_500
"""Bytes that the database may grow by for a step that writes a number."""


def flow(content: str, steps: int) -> Flow:
    """A workflow whose output is `state.n`."""
    text = f"""
wf: 1
name: large
limits: {{max_steps: {steps + 10}}}
state: {{n: {{type: integer, default: 0, reducer: add}}}}
nodes:
{content}
outputs: {{n: "{{{{ state.n }}}}"}}
"""
    return Flow({"flow.yaml": text}, {"n": steps}, {})


def fan(branches: int) -> Flow:
    return flow(f"  each: {{for_each: {list(range(branches))}, do: {{set: {{n: 1}}}}}}", branches)


def chain(nodes: int) -> Flow:
    links = [f"  n{number}: {{set: {{n: 1}}, next: n{number + 1}}}" for number in range(1, nodes)]
    return flow("\n".join([*links, f"  n{nodes}: {{set: {{n: 1}}}}"]), nodes)


def loop(times: int) -> Flow:
    again = f"  again: {{set: {{n: 1}}, next: [{{when: state.n < {times}, to: again}}, {{to: done}}]}}"
    return flow(f"{again}\n  done: {{end: completed}}", times)


LARGE = {
    "10,000 branches": (fan, 10_000),
    "1,000 nodes in a chain": (chain, 1_000),
    "10,000 times round": (loop, 10_000),
    "100,000 times round": (loop, 100_000),
}


@pytest.mark.row("R21", parts=2)
def test_a_large_run_stays_within_bounds(share: Share, place: Path) -> None:
    for name in share.of(list(LARGE), sample=1):
        make, size = LARGE[name]
        trial = Trial(place / "large", make(size))
        peak = place / "peak"
        measure = (sys.executable, "-c", MEASURE, str(peak))
        ended = trial.wf("run", "flow.yaml", "--run-id", trial.run, "--quiet", before=measure)
        assert ended.code == 0, ended
        assert ended.stdout == f"n: {size}\n"
        assert trial.database.stat().st_size < size * ROW + 1_000_000, name
        assert int(peak.read_text()) < MEMORY, name
        assert trial.wf("show", trial.run, "--json", before=measure).code == 0
        assert int(peak.read_text()) < MEMORY, name
        trial.check()
        trial.remove()


NESTED = """
wf: 1
name: nested
limits: {max_depth: 100, max_steps: 1000}
inputs: {left: {type: integer}}
nodes:
  deeper: {workflow: flow.yaml, if: inputs.left > 0, with: {left: "{{ inputs.left - 1 }}"}}
outputs: {left: "{{ inputs.left }}"}
"""


@pytest.mark.row("R21")
@pytest.mark.parametrize(("calls", "code"), [(99, 0), (100, 1)])
def test_workflows_are_nested_as_deep_as_they_may(share: Share, place: Path, calls: int, code: int) -> None:
    trial = Trial(place / "nested", Flow({"flow.yaml": NESTED}, {"left": calls}, {}))
    share.tried()
    ended = trial.heed(trial.wf(*trial.beginning, "-i", f"left={calls}"))
    assert ended.code == code, ended
    assert ("limits.max_depth allows no more" in ended.stderr) is bool(code), ended
    assert trial.wf("show", trial.run).code == 0
    if not code:
        trial.check()
