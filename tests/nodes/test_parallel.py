"""What the docs page of `parallel` shows: the workflow on it, run for real."""

from __future__ import annotations

from pathlib import Path

from runner import run
from tests.pages import run_page


def test_the_workflow_on_the_page_gives_what_the_page_says(tmp_path: Path) -> None:
    result = run_page("parallel", tmp_path)
    assert (result.status, result.error, result.outputs) == ("completed", None, {"seen": ["left", "right", 2]})


def test_results_go_in_the_order_of_the_file_whichever_branch_ends_first(tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(
        """
wf: 1
name: order
nodes:
  all:
    complete_when: results.map(name, name) == ["slow", "quick"]
    parallel:
      never: {wait: {for: 1h}}
      slow: {steps: [{}, {}, {}]}
      quick: {}
outputs: {results: "{{ nodes.all.results }}"}
""",
        encoding="utf-8",
    )
    result = run(flow)
    assert (result.status, result.error) == ("completed", None)
    assert result.outputs["results"]["never"]["status"] == "cancelled"


def test_branches_that_wait_for_room_begin_in_the_order_of_the_file_once_they_have_what_they_need(
    tmp_path: Path,
) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(
        """
wf: 1
name: order
state: {begun: {type: array, default: [], reducer: append}}
nodes:
  all:
    max_concurrency: 1
    parallel:
      last: {needs: [first, second], set: {begun: last}}
      no: {if: "false", steps: [{set: {begun: no}}]}
      needless: {needs: [broken]}
      first: {set: {begun: first}}
      broken: {script: exit 1}
      second: {set: {begun: second}}
    tolerate: 1
permissions: {commands: [sh]}
outputs: {statuses: "{{ nodes.all.results }}", begun: "{{ state.begun }}"}
""",
        encoding="utf-8",
    )
    result = run(flow)
    assert (result.status, result.error) == ("completed", None)
    assert {name: each["status"] for name, each in result.outputs["statuses"].items()} == {
        "last": "completed",
        "no": "skipped",
        "needless": "omitted",
        "first": "completed",
        "broken": "failed",
        "second": "completed",
    }
