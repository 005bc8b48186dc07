"""A session keeps a conversation across nodes: what one visit said, the next goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.ground.errors import Failure
from runner.world.calls import CallFailed
from tests.acceptance.command_line import wf, write
from tests.acceptance.test_agents import asking, said

TALK = """
agents:
  writer: {model: openai/gpt-4o-mini, instructions: You write.}
  critic: {model: openai/gpt-4o, instructions: You judge.}
steps:
  - {id: draft, agent: writer, prompt: Write a line, session: talk}
  - {id: judge, agent: critic, prompt: Judge it, session: "{{ 'talk' }}"}
  - {id: again, agent: writer, prompt: Once more, session: talk}
  - {id: aside, agent: writer, prompt: Hello}
outputs: {said: "{{ nodes.again.output }}", state: "{{ state }}"}
"""


def contents(messages: object) -> list[str]:
    assert isinstance(messages, tuple)
    return [f"{message['role']}: {message['content']}" for message in messages]


def test_agents_that_share_a_session_hear_each_other_and_keep_their_own_instructions() -> None:
    run, asked = asking(TALK, said("a line"), said("bad"), said("a better line"), said("hi"))

    assert run.outcome == {"said": "a better line", "state": {}}
    assert contents(asked[1].messages) == [
        "system: You judge.",
        "user: Write a line",
        "assistant: a line",
        "user: Judge it",
    ]
    assert contents(asked[2].messages)[4:] == ["assistant: bad", "user: Once more"]
    assert contents(asked[3].messages) == ["system: You write.", "user: Hello"]


def test_tool_calls_join_the_session_with_their_results() -> None:
    text = TALK.replace("agents:", "tools: {add: {command: [x]}}\nagents:").replace(
        "You write.", "You write., tools: [add]"
    )

    _, asked = asking(text, said("", ("add", {})), said("a line"), said("bad"), said("x"), said("hi"))

    roles = [message["role"] for message in asked[2].messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_a_visit_that_fails_leaves_nothing_in_its_session() -> None:
    text = TALK.replace(
        "session: talk}\n  - {id: judge", "session: talk, set: {x: 1}, on_error: judge}\n  - {id: judge"
    )

    _, asked = asking(text.replace("agents:", "state: {x: {type: string, default: ''}}\nagents:"), *map(said, "abcd"))

    assert contents(asked[1].messages) == ["system: You judge.", "user: Judge it"]


BRANCHES = """
agents: {a: {model: openai/gpt-4o-mini}}
steps:
  - {id: first, agent: a, prompt: one, session: s}
  - id: fan
    parallel:
      left: {agent: a, prompt: two, session: s}
      right: {agent: a, prompt: three, session: NAME}
  - {id: last, agent: a, prompt: four, session: s}
outputs: {x: "{{ nodes.last.output }}"}
"""


def test_what_branches_say_joins_when_they_are_merged() -> None:
    _, asked = asking(BRANCHES.replace("NAME", "t"), *map(said, ["1", "2", "3", "4"]))

    assert contents(asked[1].messages) == ["user: one", "assistant: 1", "user: two"]
    assert contents(asked[2].messages) == ["user: three"]
    assert contents(asked[3].messages) == ["user: one", "assistant: 1", "user: two", "assistant: 2", "user: four"]


def test_a_session_goes_on_in_one_step_at_a_time() -> None:
    run, asked = asking(BRANCHES.replace("NAME", "\"{{ 's' }}\""), *map(said, ["1", "2", "3", "4"]))

    assert (run.outcome, len(asked)) == ("input_invalid", 1)


PARALLEL = "  fan: {parallel: {left: {agent: a, prompt: x, session: s}, right: {agent: a, prompt: y, session: s}}}"
ORDERED = PARALLEL.replace("right: {", "right: {needs: [left], ")
NESTED = PARALLEL.replace(
    "right: {agent: a, prompt: y, session: s}", "right: {steps: [{agent: a, prompt: y, session: s}]}"
)
ITEMS = "  fan: {for_each: [1, 2], do: {agent: a, prompt: x, session: s}}"
BRANCHED = "session 's' is gone on with by branch 'left' (line 5) and branch 'right' at once"
CLASHES = {
    PARALLEL: BRANCHED,
    NESTED: BRANCHED,
    ITEMS: "session 's' is gone on with by every item of 'fan' at the same time",
    ORDERED: "",
    ITEMS.replace("do:", "sequential: true, do:"): "",
    ITEMS.replace("session: s", "session: 's{{ index }}'"): "",
}


@pytest.mark.parametrize("fan", CLASHES)
def test_two_open_users_of_one_session_are_refused_where_the_file_names_it(tmp_path: Path, fan: str) -> None:
    write(tmp_path, "flow.yaml", f"wf: 1\nname: x\nagents: {{a: {{model: openai/gpt-4o-mini}}}}\nnodes:\n{fan}\n")
    said = CLASHES[fan]

    done = wf(tmp_path, "validate", "flow.yaml", code=2 if said else 0)

    assert [line.split("error: ")[1] for line in done.stderr.splitlines() if "error: " in line] == (
        [said] if said else []
    )
    assert not said or "flow.yaml:5:" in done.stderr


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a/b", "é"])
def test_a_name_that_is_none_is_refused_before_anybody_is_asked(name: str) -> None:
    agents = "agents: {a: {model: openai/gpt-4o-mini}}\n"

    run, asked = asking(f"{agents}nodes: {{x: {{agent: a, prompt: hi, session: '{{{{ \"{name}\" }}}}'}}}}")

    assert (run.outcome, asked) == ("input_invalid", [])


def test_a_called_workflow_has_sessions_of_its_own() -> None:
    text = """
    agents: {a: {model: openai/gpt-4o-mini}}
    inputs: {depth: {type: integer, default: 1}}
    steps:
      - {id: one, agent: a, prompt: "at {{ inputs.depth }}", session: s}
      - {id: inner, if: inputs.depth > 0, workflow: self, with: {depth: 0}}
    """

    _, asked = asking(text, *map(said, ["1", "2"]))

    assert contents(asked[1].messages) == ["user: at 0"]


def talk(context: str, turns: int) -> list[list[str]]:
    """What the model is sent in each of so many visits of one session."""
    text = f"""
    agents: {{a: {{model: openai/gpt-4o-mini, instructions: Be brief., context: {context}}}}}
    state: {{n: {{type: integer, default: 0}}}}
    nodes:
      ask:
        agent: a
        prompt: "question {{{{ visits }}}}"
        session: s
        set: {{n: "{{{{ state.n + 1 }}}}"}}
        next: [{{when: state.n < {turns}, to: ask}}, {{to: exit}}]
    """
    _, asked = asking(text, *[said(f"answer {number}") for number in range(1, 3 * turns)])
    return [contents(call.messages) for call in asked]


def test_of_a_long_conversation_the_last_messages_are_sent() -> None:
    assert talk("{last: 3}", 4)[-1] == [
        "system: Be brief.",
        "user: question 3",
        "assistant: answer 3",
        "user: question 4",
    ]


def test_a_bound_of_tokens_counts_what_is_sent_anyway() -> None:
    short = talk("{max_tokens: 1}", 3)[-1]
    assert short == ["system: Be brief.", "user: question 3"]
    assert len(talk("{max_tokens: 1000}", 3)[-1]) == 6


def test_tool_results_stay_with_the_calls_that_they_answer() -> None:
    text = """
    tools: {add: {command: [x]}}
    agents: {a: {model: openai/gpt-4o-mini, tools: [add], context: {last: 2}}}
    nodes: {ask: {agent: a, prompt: hi}}
    """

    _, asked = asking(text, said("", ("add", {}), ("add", {}), ("add", {})), said("", ("add", {})), said("done"))

    assert [message["role"] for message in asked[1].messages] == ["user", "assistant", "tool", "tool", "tool"]
    assert [message["role"] for message in asked[2].messages] == ["user", "assistant", "tool"]


def test_earlier_messages_are_summed_up_once_there_are_too_many() -> None:
    sent = talk("{summary: {model: openai/gpt-4o, over: 4}}", 4)

    assert sent[1][0] == "system: Be brief."
    (summing,) = [messages for messages in sent if messages[0].startswith("system: Sum up this conversation")]
    assert summing[1] == "user: user: question 1\n\nassistant: answer 1\n\nuser: question 2"
    after = sent[sent.index(summing) + 1]
    assert after[:2] == ["system: Be brief.", "user: The conversation so far, summed up:\nanswer 3"]
    assert after[2:] == ["assistant: answer 2", "user: question 3"]
    assert sent[-1][1] == after[1], "the next visit of the session goes on from the summary"


def test_a_summary_that_fails_fails_the_step() -> None:
    text = """
    tools: {add: {command: [x]}}
    agents: {a: {model: openai/gpt-4o-mini, tools: [add], context: {summary: {model: openai/gpt-4o, over: 2}}}}
    nodes: {ask: {agent: a, prompt: hi}}
    """

    run, asked = asking(text, said("", ("add", {})), CallFailed(Failure("request_refused", "no")))

    assert (run.outcome, len(asked)) == ("request_refused", 2)
