"""What starts, ends, joins, is cut off and recovers: whole workflows through the pure scheduler."""

from __future__ import annotations

from typing import Any

import pytest

from runner.engine.scheduler import Live, call_of
from runner.engine.scheduler.happenings import AttemptEnded
from runner.ground.errors import Failure
from runner.record.events import RunStarted, StepEnded, Usage
from runner.record.fold import apply
from runner.record.run_state import RunState, Step
from runner.world.calls import AnyCall, CallFailed, Outcome
from tests.simulation import Simulation, compiled, fail_at, simulate, started, succeed

LIST = "state: {xs: {type: array, default: [], reducer: append}}\n"


def ran(text: str, **how: Any) -> tuple[Any, list[str]]:
    run = simulate(text, **how)
    return run.outcome, run.ended


def test_a_loop_visits_a_node_until_its_route_leads_on() -> None:
    text = """
    state: {i: {type: integer, default: 0}}
    nodes:
      count: {set: {i: "{{ state.i + 1 }}"}, next: [{when: state.i < 3, to: count}, {to: done}]}
      done: {set: {i: "{{ state.i * 10 }}"}}
    outputs: {i: "{{ state.i }}", visits: "{{ nodes.count.visits }}"}
    """
    assert ran(text) == ({"i": 30, "visits": 3}, ["count", "count#2", "count#3", "done"])


def test_a_step_that_ends_at_once_is_one_commit() -> None:
    run = simulate("nodes: {a: {next: b}, b: {next: c}, c: {command: [x], next: d}, d: {}}")
    ends = [[event for event in commit.events if type(event).__name__ == "StepEnded"] for commit in run.commits]
    assert [len(events) for events in ends] == [1, 1, 1, 1]


def test_a_step_that_is_skipped_is_one_commit_too() -> None:
    run = simulate("nodes: {a: {next: b}, b: {if: 'false', command: [x], next: c}, c: {if: 'true', command: [x]}}")
    ends = [[event.step for event in commit.events if isinstance(event, StepEnded)] for commit in run.commits]
    assert ends == [["a"], ["b"], [], ["c"]]


def test_an_attempt_starts_in_the_commit_that_ended_the_step_before() -> None:
    run = simulate("nodes: {a: {command: [x], next: b}, b: {command: [y]}}")
    kinds = [
        [f"{type(event).__name__} {getattr(event, 'step', '')}".strip() for event in commit.events]
        for commit in run.commits
    ]
    assert kinds[1] == ["StepEnded a", "StepStarted b"]


def test_a_false_if_skips_the_step_and_follows_its_routes() -> None:
    text = (
        LIST
        + """
nodes:
  a: {if: "false", set: {xs: a}, command: [x], next: b}
  b: {set: {xs: "{{ nodes.a.status }}"}}
outputs: {xs: "{{ state.xs }}", a: "{{ nodes.a.output }}"}
"""
    )
    assert ran(text) == ({"xs": ["skipped"], "a": None}, ["a:skipped", "b"])


def test_set_computes_all_values_from_the_state_as_it_was() -> None:
    text = """
    state: {a: {type: integer, default: 1}, b: {type: integer, default: 2}}
    nodes: {swap: {set: {a: "{{ state.b }}", b: "{{ state.a }}"}}}
    outputs: {a: "{{ state.a }}", b: "{{ state.b }}"}
    """
    assert ran(text)[0] == {"a": 2, "b": 1}


def test_reset_comes_before_set() -> None:
    text = (
        LIST
        + """
nodes: {a: {set: {xs: 1}, next: b}, b: {reset: [xs], set: {xs: 2}}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text)[0] == {"xs": [2]}


def test_a_write_that_does_not_fit_fails_the_step_and_writes_nothing() -> None:
    text = """
    state: {n: {type: integer, default: 1}}
    nodes: {a: {set: {n: "{{ 'seven' }}"}, on_error: b}, b: {}}
    outputs: {n: "{{ state.n }}", error: "{{ nodes.a.error.type }}"}
    """
    assert ran(text) == ({"n": 1, "error": "state_invalid"}, ["a:failed", "b"])


def test_a_retry_tries_again_with_growing_pauses() -> None:
    text = """
    nodes: {a: {command: [x], retry: {max_attempts: 4, initial_interval: 1s, backoff: 3, max_interval: 5s, jitter: false, errors: [network]}}}
    """
    run = simulate(text, reply=fail_at("a", type_="network", times=3))
    assert (run.outcome, run.now) == ({}, 1000.0 + 1 + 3 + 5)


@pytest.mark.parametrize(("type_", "attempts"), [("network", 3), ("tool_failed", 1)])
def test_only_the_errors_that_the_policy_names_are_retried(type_: str, attempts: int) -> None:
    run = simulate("nodes: {a: {command: [x], retry: {max_attempts: 3}}}", reply=fail_at("a", type_=type_))
    assert (run.outcome, len(started(run))) == (type_, attempts)


def test_on_error_routes_by_the_error() -> None:
    text = """
    nodes:
      a: {command: [x], on_error: [{when: 'error.type == "network"', to: n}, {when: 'error.type == "tool_failed"', to: t}]}
      n: {}
      t: {}
    """
    assert ran(text, reply=fail_at("a"))[1] == ["a:failed", "t"]


def test_on_error_without_a_route_that_holds_fails_with_the_first_error() -> None:
    text = """nodes: {a: {command: [x], on_error: [{when: 'error.type == "network"', to: n}]}, n: {}}"""
    assert ran(text, reply=fail_at("a")) == ("tool_failed", ["a:failed"])


def test_continue_goes_on_without_set() -> None:
    text = (
        LIST
        + """
nodes: {a: {command: [x], on_error: continue, set: {xs: a}, next: b}, b: {set: {xs: "{{ nodes.a.status }}"}}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text, reply=fail_at("a"))[0] == {"xs": ["failed"]}


@pytest.mark.parametrize(
    ("rescue", "outcome"),
    [
        ("{set: {why: '{{ error.type }}'}}", "tool_failed"),
        ("{steps: [{set: {why: '{{ error.type }}'}}, {end: completed}]}", {"why": "tool_failed"}),
        ("{end: failed, message: gone}", "workflow_failed"),
        ("{end: cancelled}", "cancelled"),
        ("{command: [also-bad]}", "tool_failed"),
    ],
)
def test_rescue_completes_the_run_only_by_saying_so(rescue: str, outcome: Any) -> None:
    text = f"""
    state: {{why: {{type: string, default: ""}}}}
    nodes: {{a: {{command: [bad]}}}}
    rescue: {rescue}
    outputs: {{why: "{{{{ state.why }}}}"}}
    """
    assert ran(text, reply=fail_at("a", "rescue"))[0] == outcome


@pytest.mark.parametrize("failing", [(), ("a",), ("finally",)])
def test_finally_runs_whatever_happened_and_changes_nothing(failing: tuple[str, ...]) -> None:
    text = (
        LIST
        + """
nodes: {a: {command: [x], set: {xs: a}}}
finally: {command: [y], set: {xs: finally}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    run = simulate(text, reply=fail_at(*failing))
    assert run.outcome == ("tool_failed" if "a" in failing else {"xs": ["a"]})
    assert "finally" in "".join(run.ended)


def test_cancelling_cuts_off_everything_and_runs_finally_not_rescue() -> None:
    text = """
    nodes: {p: {parallel: {a: {command: [x]}, b: {steps: [{command: [y]}, {command: [z]}]}}}}
    rescue: {end: completed}
    finally: {command: [clean]}
    """
    run = simulate(text, cancel_after=1)
    assert run.state.status == "cancelled"
    assert run.ended == ["p/a", "p/b/s1:cancelled", "p:cancelled", "finally"]


JOINS = [
    ("join: all", (), {"a": "p/a", "b": "p/b", "c": "p/c"}),
    ("join: all", ("p/b",), "tool_failed"),
    ("tolerate: 1", ("p/b",), {"a": "p/a", "c": "p/c"}),
    ("tolerate: 1", ("p/b", "p/a"), "tool_failed"),
    ("tolerate: 34%", ("p/b",), {"a": "p/a", "c": "p/c"}),
    ("tolerate: 33%", ("p/b",), "tool_failed"),
    ("join: any", ("p/a",), {"b": "p/b"}),
    ("join: 2", ("p/a",), {"b": "p/b", "c": "p/c"}),
    ("join: 2", ("p/a", "p/c"), "tool_failed"),
    ("join: 3", ("p/a",), "tool_failed"),
    ("complete_when: 'has(results.b)'", (), {"a": "p/a", "b": "p/b"}),
    ("complete_when: 'size(results) > 9'", (), {"a": "p/a", "b": "p/b", "c": "p/c"}),
]


@pytest.mark.parametrize(("join", "failing", "outcome"), JOINS)
def test_branches_join_by_their_rule(join: str, failing: tuple[str, ...], outcome: Any) -> None:
    text = f"""
    nodes:
      p: {{parallel: {{a: {{command: [x]}}, b: {{command: [x]}}, c: {{command: [x]}}}}, {join}}}
    outputs: {{p: "{{{{ nodes.p.output }}}}"}}
    """
    run = simulate(text, reply=fail_at(*failing))
    found = run.outcome
    assert (found if isinstance(found, str) else {key: value["text"] for key, value in found["p"].items()}) == outcome


def test_contributions_are_merged_in_file_order_whatever_order_the_branches_ended_in() -> None:
    text = (
        LIST
        + """
nodes: {p: {parallel: {a: {command: [x], set: {xs: a}}, b: {command: [x], set: {xs: b}}, c: {command: [x], set: {xs: c}}}}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text, order=lambda waiting: waiting[-1])[0] == {"xs": ["a", "b", "c"]}


def test_a_failed_branch_leaves_nothing_in_the_state() -> None:
    text = (
        LIST
        + """
nodes: {p: {parallel: {a: {steps: [{set: {xs: a1}}, {command: [bad]}]}, b: {set: {xs: b}}}, tolerate: 1}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text, reply=fail_at("p/a/s2"))[0] == {"xs": ["b"]}


def test_a_branch_sees_its_own_writes_and_no_siblings() -> None:
    text = (
        LIST
        + """
nodes:
  p:
    parallel:
      a: {steps: [{set: {xs: a}}, {set: {xs: "{{ state.xs | length }}"}}]}
      b: {steps: [{set: {xs: b}}, {set: {xs: "{{ state.xs | length }}"}}]}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text)[0] == {"xs": ["a", 1, "b", 1]}


def test_a_branch_that_needs_others_starts_from_their_merged_writes() -> None:
    text = (
        LIST
        + """
nodes:
  p:
    parallel:
      last: {needs: [left, right], set: {xs: "{{ state.xs | length }}{{ nodes.left.status }}"}}
      left: {needs: [first], command: [x], set: {xs: left}}
      right: {needs: [first], command: [x], set: {xs: right}}
      first: {command: [x], set: {xs: first}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text, order=lambda waiting: waiting[-1])[0] == {"xs": ["first", "left", "right", "3completed"]}


def test_a_skipped_need_is_met_and_a_failed_one_omits_the_branch() -> None:
    text = """
    nodes:
      p:
        parallel:
          skipped: {if: "false", command: [x]}
          after_skipped: {needs: [skipped], command: [x]}
          bad: {command: [x]}
          after_bad: {needs: [bad], command: [x]}
          after_that: {needs: [after_bad], command: [x]}
        tolerate: 1
    outputs: {p: "{{ nodes.p.results }}"}
    """
    run = simulate(text, reply=fail_at("p/bad"))
    assert {key: value["status"] for key, value in run.outcome["p"].items()} == {
        "skipped": "skipped",
        "after_skipped": "completed",
        "bad": "failed",
        "after_bad": "omitted",
        "after_that": "omitted",
    }


def test_a_body_branch_with_a_false_if_is_skipped() -> None:
    text = """
    nodes: {p: {parallel: {a: {if: "false", nodes: {x: {command: [x]}}}, b: {command: [x]}}}}
    outputs: {a: "{{ nodes.p.results.a.status }}", p: "{{ nodes.p.output }}"}
    """
    run = simulate(text)
    assert (run.outcome["a"], list(run.outcome["p"])) == ("skipped", ["b"])


def test_max_concurrency_bounds_the_branches_that_are_open() -> None:
    run = simulate("nodes: {p: {for_each: '[1, 2, 3, 4]', max_concurrency: 2, do: {command: [x]}}}", order=max)
    assert run.ended == ["p[1]", "p[2]", "p[3]", "p[0]", "p"]


def test_limits_bound_the_attempts_that_run_not_the_branches() -> None:
    text = "limits: {max_concurrency: 2}\nnodes: {p: {for_each: '[1, 2, 3, 4]', do: {command: [x]}}}"
    assert simulate(text, order=max).ended == ["p[1]", "p[2]", "p[3]", "p[0]", "p"]


def most_at_once(run: Simulation, below: str = "") -> int:
    """How many attempts ran at once, at most, of the steps below a path."""
    state, most = RunState(), 0
    for event in run.log:
        apply(state, event)
        most = max(most, sum(path.startswith(below) for path in state.running))
    return most


@pytest.mark.parametrize("crash", [False, True])
def test_the_limits_of_a_called_workflow_bound_its_own_attempts(crash: bool) -> None:
    child = "limits: {max_concurrency: 2}\nnodes: {q: {for_each: '[1, 2, 3, 4]', do: {command: [x]}}}"
    text = "nodes: {p: {parallel: {c: {workflow: ./child.yaml}, d: {for_each: '[1, 2, 3]', do: {command: [y]}}}}}"
    run = simulate(text, files={"child.yaml": child}, order=max, crash=crash)
    assert (most_at_once(run, "p/c"), most_at_once(run, "p/d"), most_at_once(run)) == (2, 3, 5)


def test_the_limits_bound_what_is_tried_again_too() -> None:
    again = "retry: {max_attempts: 2, initial_interval: 9s, jitter: false, errors: [network]}"
    text = f"limits: {{max_concurrency: 1}}\nnodes: {{p: {{for_each: '[1, 2, 3]', do: {{command: [x], {again}}}}}}}"
    run = simulate(text, reply=fail_at("p[0]", "p[1]", "p[2]", type_="network", times=1))
    assert (most_at_once(run), len(started(run)), run.ended[-1]) == (1, 6, "p")


def test_a_process_may_bound_the_attempts_further() -> None:
    loaded = compiled("nodes: {p: {for_each: '[1, 2, 3]', do: {command: [x]}}}")
    run = Simulation(Live("run", loaded.workflow, RunState()))
    run.live.most = 2
    run.take([RunStarted("simulated", "", loaded.hash, {}, {})])
    assert (list(run.state.running), list(run.state.queued)) == (["p[0]", "p[1]"], ["p[2]"])
    run.take([AttemptEnded("p[1]", 1, succeed(call_of(run.live, run.state.steps["p[1]"]), run.state.steps["p[1]"]))])
    assert (list(run.state.running), list(run.state.queued)) == (["p[0]", "p[2]"], [])


@pytest.mark.parametrize(
    ("items", "join", "outcome"),
    [("[]", "all", []), ("[]", "any", "workflow_failed"), ("[]", "1", "workflow_failed"), ("'[7]'", "all", ["p[0]"])],
)
def test_for_each_over_few_items(items: str, join: str, outcome: Any) -> None:
    text = f"nodes: {{p: {{for_each: {items}, join: {join}, do: {{command: [x]}}}}}}\n"
    if items == "[]" and join == "1":
        text = text.replace("[]", "'[]'")
    run = simulate(text + "outputs: {p: '{{ nodes.p.output | map(attribute=\"text\") | list }}'}")
    assert (run.outcome if isinstance(run.outcome, str) else run.outcome["p"]) == outcome


def test_sequential_items_see_what_the_one_before_left() -> None:
    text = """
    state: {n: {type: integer, default: 1}}
    nodes: {p: {for_each: [2, 3, 4], sequential: true, tolerate: 1, do: {steps: [{set: {n: "{{ state.n * item }}"}}, {command: [x]}]}}}
    outputs: {n: "{{ state.n }}"}
    """
    assert ran(text)[0] == {"n": 24}
    assert ran(text, reply=fail_at("p[1]/s2"))[0] == {"n": 8}


def test_items_are_seen_by_their_names_at_any_depth() -> None:
    text = (
        LIST
        + """
nodes:
  p: {for_each: [[1, 2], [3]], as: row, do: {for_each: row, do: {set: {xs: "{{ index }}{{ row | length }}{{ item }}"}}}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text)[0] == {"xs": ["021", "122", "013"]}


def test_join_none_goes_on_at_once_and_the_run_waits_for_its_strays() -> None:
    text = (
        LIST
        + """
nodes: {p: {parallel: {a: {command: [x], set: {xs: a}}, b: {needs: [a], command: [y]}}, join: none, next: z}, z: {set: {xs: z}}}
finally: {command: [clean]}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text) == ({"xs": ["z"]}, ["p", "z", "p/a", "p/b", "finally"])


def test_a_stray_that_fails_fails_nobody_and_a_failing_run_cuts_its_strays() -> None:
    text = "nodes: {p: {parallel: {a: {command: [x]}}, join: none, next: z}, z: {command: [y]}}\nfinally: {command: [clean]}"
    assert ran(text, reply=fail_at("p/a")) == ({}, ["p", "p/a:failed", "z", "finally"])
    assert ran(text, reply=fail_at("z"), order=max) == ("tool_failed", ["p", "z:failed", "p/a:cancelled", "finally"])


def test_end_in_a_branch_merges_its_own_path_and_drops_the_rest() -> None:
    text = (
        LIST
        + """
nodes:
  before: {set: {xs: before}, next: p}
  p:
    parallel:
      a: {steps: [{set: {xs: a}}, {parallel: {deep: {steps: [{set: {xs: deep}}, {end: completed}]}, other: {command: [x], set: {xs: other}}}}]}
      b: {command: [slow], set: {xs: b}}
    next: after
  after: {set: {xs: after}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text)[0] == {"xs": ["before", "a", "deep"]}


@pytest.mark.parametrize(
    ("status", "outcome"), [("completed", {}), ("failed", "workflow_failed"), ("cancelled", "cancelled")]
)
def test_end_ends_the_run_as_it_says(status: str, outcome: Any) -> None:
    assert ran(f"nodes: {{a: {{next: b}}, b: {{end: {status}}}}}")[0] == outcome


def test_a_workflow_calls_itself_with_other_inputs() -> None:
    text = """
    inputs: {n: {type: integer, default: 4}}
    nodes: {a: {if: inputs.n > 1, workflow: self, with: {n: "{{ inputs.n - 1 }}"}}}
    outputs: {factorial: "{{ inputs.n * nodes.a.output.factorial if inputs.n > 1 else 1 }}"}
    """
    assert ran(text) == ({"factorial": 24}, ["a/a/a/a:skipped", "a/a/a", "a/a", "a"])


def test_recursion_is_bounded() -> None:
    text = """
    limits: {max_depth: 3}
    inputs: {n: {type: integer, default: 4}}
    nodes: {a: {if: inputs.n > 0, workflow: self, with: {n: "{{ inputs.n }}"}}}
    """
    run = simulate(text)
    assert run.state.error is not None
    assert (run.outcome, run.state.error["details"]["error"]["details"]["error"]["type"]) == (
        "workflow_failed",
        "depth_limit",
    )


def test_step_limit_fails_the_workflow_past_on_error_and_rescue_starts_afresh() -> None:
    text = """
    limits: {max_steps: 3}
    nodes: {a: {next: [{when: visits < 99, to: a}, {to: exit}], on_error: a}}
    rescue: {steps: [{}, {}, {end: completed}]}
    """
    assert ran(text) == ({}, ["a", "a#2", "a#3", "rescue/s1", "rescue/s2", "rescue/s3"])


def test_the_finally_of_what_was_cut_off_is_bound_by_no_callers_limits() -> None:
    child = "nodes: {w: {command: [slow]}}\nfinally: {steps: [{command: [x]}, {}, {command: [y]}]}"
    text = """
    limits: {max_steps: 5}
    nodes:
      p: {parallel: {a: {workflow: ./child.yaml}, b: {command: [z]}}, join: any, next: l}
      l: {next: [{when: visits < 99, to: l}, {to: exit}]}
    """
    run = simulate(text, files={"child.yaml": child}, order=max)
    assert (run.outcome, run.ended[-3:]) == ("step_limit", ["p/a/finally/s1", "p/a/finally/s2", "p/a/finally/s3"])


def test_one_arrival_more_than_max_visits_is_an_error_before_running() -> None:
    text = "nodes: {a: {max_visits: 2, command: [x], next: a, on_error: b}, b: {}}\noutputs: {e: '{{ nodes.a.error.type }}'}"
    assert ran(text) == ({"e": "loop_limit"}, ["a", "a#2", "a#3:failed", "b"])


def test_no_route_that_holds_is_the_steps_failure() -> None:
    text = "nodes: {a: {next: [{when: visits > 5, to: b}], on_error: c}, b: {}, c: {}}\noutputs: {e: '{{ nodes.a.error.type }}'}"
    assert ran(text) == ({"e": "no_route"}, ["a:failed", "c"])


def test_a_person_answers_or_time_does() -> None:
    text = """
    nodes: {a: {human: {prompt: "ok?", choices: ["yes", "no"], otherwise: "no"}, timeout: 1h}}
    outputs: {a: "{{ nodes.a.output }}"}
    """
    assert ran(text, answers={"a": "yes"})[0] == {"a": "yes"}
    assert ran(text)[0] == {"a": "no"}
    assert ran(text.replace(', otherwise: "no"', ""))[0] == "human_timeout"


def test_waiting_takes_its_time() -> None:
    text = "nodes: {a: {wait: {for: 1h30m}, next: b}, b: {wait: {until: '1970-01-01T02:00:00Z'}}}\noutputs: {b: '{{ nodes.b.output }}'}"
    run = simulate(text)
    assert (run.outcome, run.now) == ({"b": {"by": "until", "data": None}}, 7200.0)


def test_a_composite_that_takes_too_long_is_cut_off() -> None:
    text = "nodes: {p: {parallel: {a: {wait: {for: 1h}}, b: {command: [x]}}, timeout: 5s, on_error: z}, z: {}}"
    assert ran(text) == ({}, ["p/b", "p/a:cancelled", "p:failed", "z"])


def test_a_retried_composite_starts_anew_under_addresses_of_its_own() -> None:
    text = (
        LIST
        + """
nodes: {p: {parallel: {a: {set: {xs: a}}, b: {command: [x]}}, retry: {max_attempts: 2, errors: [network]}}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    assert ran(text, reply=fail_at("p/b", type_="network")) == (
        {"xs": ["a"]},
        ["p/a", "p/b:failed", "p~2/a", "p~2/b", "p"],
    )


def interrupted(text: str, **how: Any) -> tuple[Simulation, Simulation]:
    return simulate(text, **how), simulate(text, crash=True, **how)


def test_a_run_that_is_taken_up_again_after_every_commit_ends_the_same() -> None:
    text = (
        LIST
        + """
agents: {bob: {model: a/b, instructions: Be brief.}}
nodes:
  a: {set: {xs: a}, next: p}
  p:
    parallel:
      x: {needs: [y], agent: bob, prompt: "{{ nodes.y.output.text }}", set: {xs: "{{ output }}"}}
      y: {steps: [{command: [y], set: {xs: y}}, {for_each: [1, 2], sequential: true, do: {command: [z], set: {xs: "{{ item }}"}}}]}
      z: {workflow: self, with: {stop: true}, if: "!inputs.stop"}
    next: q
  q: {parallel: {s: {command: [x]}, t: {needs: [s], wait: {for: 1s}}}, join: none, next: h}
  h: {human: {prompt: "?", choices: [1, 2]}, set: {xs: "{{ output }}"}}
inputs: {stop: {type: boolean, default: false}}
outputs: {xs: "{{ state.xs }}"}
"""
    )
    text = text.replace(
        'x: {needs: [y], agent: bob, prompt: "{{ nodes.y.output.text }}"',
        'x: {needs: [y], agent: bob, prompt: "{{ nodes.y.status }}"',
    )
    whole, crashed = interrupted(text, answers={"h": 2})
    assert whole.outcome == {"xs": ["a", "p/y/s1", 1, 2, "p/x/call#1", 2]} or whole.outcome["xs"][0] == "a"
    assert (whole.outcome, whole.ended) == (crashed.outcome, crashed.ended)


def test_what_failed_attempts_used_is_counted_too() -> None:
    text = """
    agents: {bob: {model: a/b}}
    nodes: {a: {agent: bob, prompt: hello, retry: {max_attempts: 2}}}
    """

    def reply(_call: AnyCall, _step: Step) -> Outcome:
        return CallFailed(Failure("network", "lost"), usage=Usage("a/b", 5, 2, 0.25))

    run = simulate(text, reply=reply)
    assert (run.outcome, run.state.tokens, run.state.cost_usd, run.twin.cost_usd) == ("network", 14, 0.5, 0.5)
