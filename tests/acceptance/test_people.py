"""A person's turn: asked, answered from anywhere, answered beforehand; and what happens by itself meanwhile."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from runner.record.store.contract import Message
from runner.record.store.sqlite import open_store
from tests.acceptance.command_line import WF, ended, lines_until, started, wf, write

ASKING = """
wf: 1
name: asking
inputs: {who: {type: string, default: you}}
nodes:
  approve: {human: {prompt: "Ship it, {{ inputs.who }}?", choices: ["yes", "no", -1, true, "it's $HOME"]}}
outputs: {answer: "{{ nodes.approve.output }}"}
"""
FORM = """
wf: 1
name: form
nodes:
  form:
    human:
      prompt: Who?
      schema:
        type: object
        properties:
          name: {type: string, minLength: 2}
          age: {type: integer, minimum: 3}
          kind: {enum: [cat, dog]}
        required: [name, age]
        additionalProperties: false
outputs: {answer: "{{ nodes.form.output }}"}
"""
AGAIN = """
wf: 1
name: again
nodes:
  approve:
    human: {prompt: "Good enough?", choices: ["yes", "no"]}
    next: [{when: 'output == "no"', to: approve}, {to: exit}]
outputs: {visits: "{{ nodes.approve.visits }}"}
"""
EACH = """
wf: 1
name: each
nodes:
  each:
    for_each: '["a", "b", "c"]'
    do: {steps: [{id: ask, human: {prompt: "{{ item }}?"}}]}
outputs: {answers: "{{ nodes.each.output }}"}
"""

SIGNALLED = """
wf: 1
name: signalled
nodes:
  both:
    parallel:
      ask: {human: {prompt: "Name?"}}
      deploy: {wait: {signal: deployed}}
outputs: {name: "{{ nodes.both.output.ask }}", data: "{{ nodes.both.output.deploy.data }}"}
"""
LATER = """
wf: 1
name: later
permissions: {read: [.]}
nodes:
  a:
    read: missing
    retry: {max_attempts: 2, initial_interval: 1h, max_interval: 1h, errors: [file_io]}
"""
CHOOSING = """
wf: 1
name: choosing
inputs: {choices: {}}
nodes:
  ask: {human: {prompt: Which?, choices: "{{ inputs.choices }}"}}
"""
FIRST = """
wf: 1
name: first
inputs: {token: {type: string, secret: true}}
nodes:
  both:
    parallel:
      ann: {human: {prompt: "Ann?"}}
      bob: {human: {prompt: "Bob?"}}
    join: any
  last: {}
"""


def paused(folder: Path, text: str, *words: str) -> None:
    """Run a workflow as run `r` until it waits."""
    write(folder, "flow.yaml", text)
    wf(folder, "run", "flow.yaml", "--no-input", "--run-id", "r", *words, code=3)


def command(folder: Path) -> str:
    [waiting] = wf(folder, "show", "r", "--json").document["waiting"]
    return str(waiting["command"])


def shell(folder: Path, line: str) -> str:
    """What a line typed in a shell prints on stdout."""
    environment = {**os.environ, "PATH": f"{WF.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ['"yes"', "-1", "1.5", "true", '"it\'s $HOME"', '"two words; ls"', '"-n"', '"é"'])
def test_the_printed_command_answers_as_it_stands(tmp_path: Path, first: str) -> None:
    paused(tmp_path, ASKING.replace('"yes", "no", -1, true, "it\'s $HOME"', f'{first}, "other"'), "--db", "a b.db")
    [waiting] = wf(tmp_path, "show", "r", "--json", "--db", "a b.db").document["waiting"]
    assert wf(tmp_path, *shlex.split(waiting["command"])[1:]).stdout == f"answer: {first.strip(chr(34))}\n"


def test_the_printed_command_answers_in_a_shell(tmp_path: Path) -> None:
    paused(tmp_path, ASKING.replace('"yes", "no"', '"-$HOME `ls`; \\"x\\"", "no"'))
    assert shell(tmp_path, command(tmp_path)) == 'answer: -$HOME `ls`; "x"\n'


def test_the_printed_command_for_a_form_holds_an_answer_that_fits(tmp_path: Path) -> None:
    paused(tmp_path, FORM)
    assert '\'{"name": "……", "age": 3, "kind": "cat"}\'' in command(tmp_path)
    assert '"age": 3' in wf(tmp_path, *shlex.split(command(tmp_path))[1:]).stdout


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        (ASKING, "maybe", "'maybe' is no answer to 'approve'"),
        (ASKING, "yse", "did you mean 'yes'?"),
        (ASKING, "1", "is no answer"),
        (FORM, "Ann", "does not fit the form"),
        (FORM, '{"name": "Ann"}', "does not fit the form"),
        (FORM, '{"name": "Ann", "age": "7"}', "does not fit the form"),
        (FORM, '{"name": "Ann", "age": NaN}', "is no JSON: NaN is no JSON number"),
        (FORM, '{"name": "Ann", "age": 7, "x": 1}', "does not fit the form"),
    ],
)
def test_a_wrong_answer_is_refused_and_the_run_still_waits(tmp_path: Path, text: str, value: str, message: str) -> None:
    paused(tmp_path, text)
    step = "approve" if text is ASKING else "form"
    assert message in wf(tmp_path, "answer", "r", step, value, "--resume", code=2).stderr
    assert len(wf(tmp_path, "show", "r", "--json").document["waiting"]) == 1
    wf(tmp_path, "resume", "r", code=3)


def test_only_a_waiting_step_is_answered_and_only_once(tmp_path: Path) -> None:
    paused(tmp_path, ASKING)
    assert "did you mean 'approve'?" in wf(tmp_path, "answer", "r", "aprove", "yes", code=2).stderr
    assert "go on with: wf resume r" in wf(tmp_path, "answer", "r", "approve", "no").stderr
    assert "'approve' has been answered already" in wf(tmp_path, "answer", "r", "approve", "yes", code=2).stderr
    assert wf(tmp_path, "resume", "r").stdout == "answer: no\n"
    assert "has ended: completed" in wf(tmp_path, "answer", "r", "approve", "yes", code=2).stderr
    assert "has ended: completed" in wf(tmp_path, "resume", "r", code=2).stderr


def test_an_answer_that_goes_on_ends_as_the_run_does(tmp_path: Path) -> None:
    paused(tmp_path, ASKING.replace("]}}", "]}, next: stop}\n  stop: {end: failed, message: no}"))
    done = wf(tmp_path, "answer", "r", "approve", "no", "--resume", "--json", code=1)
    assert (done.document["status"], done.document["error"]["message"]) == ("failed", "no")


def test_an_answer_beforehand_is_for_every_visit_or_for_one(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", AGAIN)

    def visits(*answers: str) -> str:
        words = [word for answer in answers for word in ("--answer", answer)]
        return wf(tmp_path, "run", "flow.yaml", *words).stdout

    assert visits("approve=yes") == "visits: 1\n"
    assert visits("approve=no", "approve#3=yes") == "visits: 3\n"
    assert visits("approve#1=no", "approve#2=yes") == "visits: 2\n"
    assert wf(tmp_path, "run", "flow.yaml", "--answer", "approve#1=no", code=3).stderr.count("waits for a person") == 3


def test_an_answer_beforehand_may_be_for_one_item_of_a_list(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", EACH)
    words = ("--answer", "ask=x", "--answer", "each[1]/ask=y", "--json")
    assert wf(tmp_path, "run", "flow.yaml", *words).document["outputs"] == {"answers": ["x", "y", "x"]}
    document = wf(tmp_path, "run", "flow.yaml", "--answer", "each/ask=z", "--json").document
    assert document["outputs"] == {"answers": ["z", "z", "z"]}


def test_a_wrong_answer_beforehand_ends_with_2_and_the_run_waits_for_another(tmp_path: Path) -> None:
    """Only a run knows choices that its inputs give."""
    write(tmp_path, "flow.yaml", CHOOSING + 'outputs: {answer: "{{ nodes.ask.output }}"}\n')
    choices = ("-i", 'choices=["yes", "no"]')
    done = wf(tmp_path, "run", "flow.yaml", *choices, "--answer", "ask=maybe", "--json", "--run-id", "r", code=2)
    assert (done.document["status"], done.document["waiting"][0]["step"]) == ("paused", "ask")
    assert "'maybe' is no answer to 'ask'" in done.stderr
    assert wf(tmp_path, "resume", "r", "--answer", "ask=yes").stdout == "answer: yes\n"


def test_a_run_stays_while_something_goes_on_by_itself_and_no_longer(tmp_path: Path) -> None:
    late = ASKING.replace("]}}", '], otherwise: "no"}, timeout: 100ms}')
    write(tmp_path, "flow.yaml", late)
    assert wf(tmp_path, "run", "flow.yaml", "--no-input").stdout == "answer: no\n"
    done = wf(tmp_path, "run", "flow.yaml", "--no-input", "--wait-limit", "50ms", "--run-id", "r", code=3)
    assert "approve: its time comes at" in done.stderr
    assert "while the run is paused" in done.stderr
    assert wf(tmp_path, "resume", "r").stdout == "answer: no\n"


def test_a_wait_beyond_the_limit_pauses_and_says_what_does_not_happen_by_itself(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: nap\nnodes: {nap: {wait: {for: 1h}}}\n")
    done = wf(tmp_path, "run", "flow.yaml", "--json", "--run-id", "r", code=3)
    assert done.document["waiting"] == [{"step": "nap", "kind": "wait", "prompt": "", "command": "wf resume r"}]
    done = wf(tmp_path, "resume", "r", code=3)
    assert "nap: its time comes at" in done.stderr
    assert "wf resume r" in done.stderr


def test_a_fork_stays_for_a_time_that_its_past_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: nap\nnodes: {nap: {wait: {for: 500ms}}}\n")
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--wait-limit", "10ms", code=3)
    assert "✓ nap" in wf(tmp_path, "fork", "r@4", "--wait-limit", "10s").stderr


def test_a_retry_beyond_the_limit_is_told_too(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", LATER)
    document = wf(tmp_path, "run", "flow.yaml", "--json", "--run-id", "r", code=3).document
    assert [(waiting["step"], waiting["command"]) for waiting in document["waiting"]] == [("a", "wf resume r")]


def test_a_step_that_has_ended_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Its timeout, which has not passed yet, is no reason to stay."""
    text = AGAIN.replace("    next:", "    timeout: 30s\n    next:").replace(
        "{to: exit}]", "{to: last}]\n  last: {human: {prompt: Sure?}}"
    )
    write(tmp_path, "flow.yaml", text)
    wf(tmp_path, "run", "flow.yaml", "--answer", "approve=yes", "--wait-limit", "60s", code=3)


def test_a_live_run_takes_an_answer_from_another_process_and_goes_on(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", ASKING.replace("]}}", '], otherwise: "no"}, timeout: 50s}'))
    with started(tmp_path, "run", "flow.yaml", "--events", "--run-id", "r") as running:
        lines_until(running, "step_waiting")
        assert "of run r is answered; process" in wf(tmp_path, "answer", "r", "approve", "yes").stderr
        done = ended(running)
    assert done.code == 0
    assert '"outputs":{"answer":"yes"}' in done.stdout


@pytest.mark.parametrize("follows", ["", "    next: last\n"])
def test_an_answer_whose_step_is_gone_is_told(tmp_path: Path, follows: str) -> None:
    """Whether the run has ended by then, or goes on."""
    paused(tmp_path, FIRST.replace("  last: {}\n", follows and f"{follows}  last: {{}}\n"), "-i", "token=s3cret-w0rd")
    wf(tmp_path, "answer", "r", "bob", "yes")
    wf(tmp_path, "answer", "r", "ann", "no: s3cret-w0rd")
    done = wf(tmp_path, "resume", "r", "--quiet", "-i", "token=s3cret-w0rd")
    told = r"warning: the answer 'no: ⟦secret:token:\w+⟧' for step both/ann was not taken: "
    assert re.fullmatch(f"{told}the step waits for no answer any more\n", done.stderr)


def test_an_answer_that_does_not_fit_any_more_is_told_and_the_run_still_waits(tmp_path: Path) -> None:
    paused(tmp_path, ASKING)
    store = open_store(tmp_path / ".wf" / "wf.db")
    store.post(Message("r", "answer", 1.0, "approve", "maybe"))  # as if the question had been another when it was sent
    store.close()
    done = wf(tmp_path, "resume", "r", "--json", code=3)
    first, _, hint = done.stderr.partition("\n")
    assert first == ("warning: the answer 'maybe' for step approve was not taken: 'maybe' is no answer to 'approve'")
    assert hint == "  help: answer one of: yes, no, -1, true, it's $HOME\n"
    assert wf(tmp_path, "answer", "r", "approve", "yes", "--resume").stdout == "answer: yes\n"


def test_a_signal_is_no_answer(tmp_path: Path) -> None:
    paused(tmp_path, SIGNALLED)
    document = wf(tmp_path, "signal", "r", "deployed", '"v1"', "--resume", "--json", code=3).document
    assert [waiting["step"] for waiting in document["waiting"]] == ["both/ask"]
    assert wf(tmp_path, "answer", "r", "ask", "Ann", "--resume").stdout == "name: Ann\ndata: v1\n"


def test_a_secret_is_supplied_again_with_the_answer(tmp_path: Path) -> None:
    text = ASKING.replace("inputs: {", "inputs: {token: {type: string, secret: true}, ")
    paused(tmp_path, text, "-i", "token=s3cret-w0rd")
    done = wf(tmp_path, "answer", "r", "approve", "no", "--resume", code=2)
    assert "secret input 'token' is needed again" in done.stderr
    assert "give it with -i token=@FILE" in done.stderr
    again = wf(tmp_path, "answer", "r", "approve", "yes", "--resume", "-i", "token=s3cret-w0rd")
    assert again.stdout == "answer: yes\n"


def test_the_printed_command_names_the_secrets_to_be_given(tmp_path: Path) -> None:
    text = ASKING.replace("inputs: {", "inputs: {token: {type: string, secret: true, env: WF_TOKEN}, ")
    text = text.replace("name: asking", "name: asking\npermissions: {env: [WF_TOKEN]}")
    (tmp_path / "flow.yaml").write_text(text, encoding="utf-8")
    done = wf(tmp_path, "run", "flow.yaml", "-i", "token=s3cret-w0rd", "--run-id", "r", "--no-input", code=3)
    assert "  wf answer r approve yes --resume -i token=@FILE\n" in done.stderr
    assert "  wf answer r approve yes --resume -i token=@FILE" in wf(tmp_path, "show", "r").stdout
    there = {"WF_TOKEN": "s3cret-w0rd"}
    assert "approve yes --resume\n" in wf(tmp_path, "show", "r", environment=there).stdout
    assert wf(tmp_path, "answer", "r", "approve", "yes", "--resume", environment=there).stdout == "answer: yes\n"


def test_an_answer_that_is_recorded_already_lets_the_run_go_on(tmp_path: Path) -> None:
    text = ASKING.replace("inputs: {", "inputs: {token: {type: string, secret: true}, ")
    paused(tmp_path, text, "-i", "token=s3cret-w0rd")
    assert "go on with: wf resume r -i token=@FILE" in wf(tmp_path, "answer", "r", "approve", "no").stderr
    given = ("--resume", "-i", "token=s3cret-w0rd")
    assert "has been answered already" in wf(tmp_path, "answer", "r", "approve", "yes", *given, code=2).stderr
    assert wf(tmp_path, "answer", "r", "approve", "no", *given).stdout == "answer: no\n"


def test_choices_that_are_no_list_fail_the_step(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", CHOOSING)
    for given in ('"abc"', "null", "{}", "[]", "[[1]]"):
        document = wf(tmp_path, "run", "flow.yaml", "--json", "-i", f"choices={given}", code=1).document
        assert "choices" in document["error"]["message"]


def test_what_was_warned_of_is_run_and_taken_up_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: x\nnodes: {ask: {human: {prompt: Go?, otherwise: stay}}}\n")

    began = wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)

    assert "warning: this answer is never used: the question has no `timeout`" in began.stderr
    assert wf(tmp_path, "answer", "r", "ask", "go", "--resume").code == 0
