"""Effects on the world when `wf` is killed between an effect and its record: how often, and what people are told."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from select import select

import pytest

from tests.acceptance.command_line import PATIENCE, Done, started, wf, write

BANK = """
import os, time
from pathlib import Path

def done(key):
    '''Add the key to the effects, and wait to be killed, once.'''
    with Path("effects").open("a") as file:
        file.write(key + "\\n")
    if not Path("second").exists():
        Path("second").touch()
        Path("began").write_text("begun")
        time.sleep(300)
    return "paid"

def charge(amount: int) -> str:
    '''Pay.'''
    return done(os.environ["WF_IDEMPOTENCY_KEY"])

def charge_once(amount: int) -> str:
    '''Pay, unless that has been done under this key.'''
    key = os.environ["WF_IDEMPOTENCY_KEY"]
    return "paid" if key in Path("effects").read_text().split() else done(key)

def find(key: str, output: dict) -> dict:
    '''Find a payment.'''
    found = key in Path("effects").read_text().split()
    return {"done": True, "output": output["given"]} if found else {"done": False}

def nothing() -> dict:
    '''Know nothing.'''
    return {}
"""
PAY = 'echo "$WF_IDEMPOTENCY_KEY" >> effects; [ -e second ] || { touch second; echo > began; sleep 300; }; echo paid'
ONCE = f'grep -qx "$WF_IDEMPOTENCY_KEY" effects || {{ {PAY}; }}; echo paid'
PRINTED, RETURNED = '{given: {stdout: "paid\\n"}}', "{given: paid}"
KEY = 'key: "{{ idempotency_key }}"'

FLOW = """
wf: 1
name: shop
permissions: {commands: [sh], python: [bank.py]}
models: {m: {model: openai/gpt-4o-mini}}
agents: {clerk: {model: m, tools: [charge]}, chief: {model: m, agents: [clerk]}}
tools:
  find: {python: bank.py:find}
  nothing: {python: bank.py:nothing}
  charge: {TOOL}
nodes:
  pay: {NODE}
outputs: {effect: "{{ nodes.pay.status }}"}
"""
MOCK = """
clerk: [{tool_calls: [{tool: charge, with: {amount: 7}}]}, paid]
chief: [{tool_calls: [{tool: agent/clerk, with: {task: Pay}}]}, paid]
"""

KINDS = {
    "command": ("{command: [sh, -c, 'PAY']CRASH}", "", PRINTED, "pay"),
    "script": ("{script: 'PAY'CRASH}", "", PRINTED, "pay"),
    "python tool": ("{tool: charge, with: {amount: 7}CRASH}", "{python: bank.py:charge}", RETURNED, "pay"),
    "command tool": (
        "{tool: charge, with: {amount: 7}}",
        "{command: [sh, -c, 'PAY'], inputs: AMOUNTCRASH}",
        PRINTED,
        "pay",
    ),
    "tool of an agent": ("{agent: clerk, prompt: Pay}", "{python: bank.py:chargeCRASH}", RETURNED, "pay/call#2"),
    "tool of a delegate": (
        "{agent: chief, prompt: Pay}",
        "{python: bank.py:chargeCRASH}",
        RETURNED,
        "pay/call#2/call#2",
    ),
}


def flow(kind: str, on_crash: str, *, once: bool = False) -> str:
    """A workflow with one effect of a kind. `once`: who does it honours the key."""
    node, tool, output, _ = KINDS[kind]
    check = f"{{check: {{tool: find, with: {{{KEY}, output: {output}}}}}}}"
    crash = f", on_crash: {check if on_crash == 'check' else on_crash}"
    text = FLOW.replace("{NODE}", node).replace("{TOOL}", tool or "{python: bank.py:charge}").replace("CRASH", crash)
    text = text.replace("AMOUNT", "{amount: {type: integer}}").replace("PAY", ONCE if once else PAY)
    return text.replace("bank.py:charge", "bank.py:charge_once") if once else text


def killed(folder: Path, text: str) -> None:
    """Run it, and kill `wf` with SIGKILL once the effect is there, and nothing of its end is recorded."""
    for name, content in {"flow.yaml": text, "bank.py": BANK, "mock.yaml": MOCK, "effects": ""}.items():
        write(folder, name, content)
    os.mkfifo(folder / "began")
    mock = ("--mock", "mock.yaml") if "pay: {agent" in text else ()
    began = os.open(folder / "began", os.O_RDONLY | os.O_NONBLOCK)
    with started(folder, "run", "flow.yaml", "--run-id", "r", *mock, start_new_session=True) as run:
        assert select([began], [], [], PATIENCE)[0], "the effect never began"
        run.send_signal(signal.SIGKILL)
        run.wait()
    os.close(began)


def effects(folder: Path) -> list[str]:
    return (folder / "effects").read_text(encoding="utf-8").split()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_checked_is_done_once(tmp_path: Path, kind: str) -> None:
    killed(tmp_path, flow(kind, "check"))
    resumed = wf(tmp_path, "resume", "r")
    step = KINDS[kind][3]
    assert effects(tmp_path) == [f"r/{step}"]
    assert resumed.stdout == "effect: completed\n"
    assert f"! {step}: attempt 1 was cut off; its check is asked whether it was done" in resumed.stderr
    assert "attempt 1 was cut off; its check says: it was done" in wf(tmp_path, "show", "r").stdout


@pytest.mark.parametrize("kind", KINDS)
def test_what_honours_its_key_is_done_once_though_it_runs_again(tmp_path: Path, kind: str) -> None:
    killed(tmp_path, flow(kind, "retry", once=True))
    assert wf(tmp_path, "resume", "r").stdout == "effect: completed\n"
    assert effects(tmp_path) == [f"r/{KINDS[kind][3]}"]
    assert "attempt 1 interrupted" in wf(tmp_path, "show", "r").stdout


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_to_fail_is_done_once_and_runs_again_only_by_a_retry_under_the_same_key(
    tmp_path: Path, kind: str
) -> None:
    killed(tmp_path, flow(kind, "fail"))
    is_told = kind in ("tool of an agent", "tool of a delegate")  # the model is told so, and says what it says
    wf(tmp_path, "resume", "r", code=0 if is_told else 1)
    step = KINDS[kind][3]
    assert effects(tmp_path) == [f"r/{step}"]
    assert (
        "interrupted: the process was stopped while this ran; its on_crash is fail" in wf(tmp_path, "show", "r").stdout
    )
    if not is_told:
        wf(tmp_path, "retry", "r", "--run-id", "second")
        assert effects(tmp_path) == [f"r/{step}", f"r/{step}"]


def test_what_is_unknown_and_has_no_check_runs_again_with_a_line_that_says_so(tmp_path: Path) -> None:
    killed(tmp_path, flow("command", "retry"))
    wf(tmp_path, "resume", "r")
    assert effects(tmp_path) == ["r/pay", "r/pay"]
    assert "attempt 1 interrupted" in wf(tmp_path, "show", "r").stdout
    assert "pay attempt 2, after an interruption" in wf(tmp_path, "logs", "r").stdout


UNKNOWN = "{check: {tool: nothing}}"


def asked(folder: Path, kind: str = "command") -> Done:
    killed(folder, flow(kind, UNKNOWN))
    return wf(folder, "resume", "r", "--json", code=3)


def test_what_no_check_finds_out_waits_for_a_person(tmp_path: Path) -> None:
    [waiting] = asked(tmp_path).document["waiting"]
    assert (waiting["step"], waiting["kind"]) == ("pay", "human")
    assert "whether it was done is not known: its check gave neither" in waiting["prompt"]
    assert waiting["command"] == "wf answer r pay fail --resume"
    shown = wf(tmp_path, "show", "r").stdout
    assert "… pay [command] waiting" in shown
    assert "Its idempotency key is r/pay" in shown
    assert effects(tmp_path) == ["r/pay"]


@pytest.mark.parametrize(
    ("answer", "code", "times", "told"),
    [
        ('{"done": true, "output": {"stdout": "paid"}}', 0, 1, "a person says: it was done"),
        ("again", 0, 2, "a person says: it runs again"),
        ("fail", 1, 1, "a person says: it fails"),
    ],
)
def test_a_person_chooses(tmp_path: Path, answer: str, code: int, times: int, told: str) -> None:
    asked(tmp_path)
    wf(tmp_path, "answer", "r", "pay", answer, "--resume", code=code)
    assert effects(tmp_path) == ["r/pay"] * times
    assert told in wf(tmp_path, "show", "r").stdout


@pytest.mark.parametrize(
    "answer", ["done", '{"done": true}', '{"done": true, "output": {"stdout": 7}}', '{"done": false}']
)
def test_an_answer_that_is_none_is_refused_and_the_run_still_waits(tmp_path: Path, answer: str) -> None:
    asked(tmp_path)
    assert "does not fit the form of 'pay'" in wf(tmp_path, "answer", "r", "pay", answer, code=2).stderr
    wf(tmp_path, "resume", "r", code=3)
    assert effects(tmp_path) == ["r/pay"]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("command", "pay"),
        ("tool of an agent", "call#2"),
        ("tool of a delegate", "pay/call#2/call#2"),
        ("command tool", "pay"),
    ],
)
def test_an_answer_beforehand_names_the_step_that_may_be_asked_about(tmp_path: Path, kind: str, key: str) -> None:
    killed(tmp_path, flow(kind, UNKNOWN))
    wf(tmp_path, "resume", "r", "--answer", f"{key}=again")
    assert effects(tmp_path) == [f"r/{KINDS[kind][3]}"] * 2


MARK = 'echo "$WF_IDEMPOTENCY_KEY" >> effects'
FAILING = f"""
wf: 1
name: failing
permissions: {{commands: [sh]}}
nodes:
  both:
    tolerate: 1
    parallel:
      one: {{script: '{MARK}; [ -e mended ]'}}
      other: {{script: '{MARK}; [ -e mended ]'}}
      two: {{steps: [{{script: '{MARK}; until [ -s ended ]; do sleep 0.02; done'}}, {{script: '{MARK}'}}]}}
    next: last
  last: {{script: '{MARK}; [ -e whole ]'}}
rescue: {{script: '{MARK}'}}
finally: {{script: '{MARK}'}}
"""


def test_a_retry_keeps_the_keys_of_what_it_does_again_and_what_begins_in_it_has_its_own(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FAILING)
    write(tmp_path, "ended", "yes")
    wf(tmp_path, "run", "flow.yaml", "--run-id", "a", code=1)
    assert {"a/both/one", "a/both/other", "a/both/two/s1", "a/rescue", "a/finally"} <= set(effects(tmp_path))
    (tmp_path / "effects").unlink()
    (tmp_path / "mended").touch()
    wf(tmp_path, "retry", "a", "--run-id", "b", code=1)
    own = {key for key in effects(tmp_path) if not key.startswith("a/both/")}
    assert own - {"b/both/two/s2"} == {"b/last", "b/rescue", "b/finally"}
    (tmp_path / "effects").unlink()
    wf(tmp_path, "retry", "b", "--run-id", "c", code=1)
    assert effects(tmp_path) == ["b/last", "c/rescue", "c/finally"]


def test_a_fork_has_keys_of_its_own(tmp_path: Path) -> None:
    killed(tmp_path, flow("command", "retry"))
    checkpoint = re.findall(r"^r@(\d+)|^\s*(\d+)", wf(tmp_path, "checkpoints", "r").stdout, re.MULTILINE)
    at = next(filter(None, checkpoint[-1]))
    wf(tmp_path, "fork", f"r@{at}", "--run-id", "f")
    assert effects(tmp_path) == ["r/pay", "f/pay"]


def test_a_retry_asks_the_check_of_what_was_cut_off_beside_the_step_that_failed(tmp_path: Path) -> None:
    check = f"on_crash: {{check: {{tool: find, with: {{{KEY}, output: {PRINTED}}}}}}}"
    text = f"""
wf: 1
name: cut
permissions: {{commands: [sh], python: [bank.py]}}
tools: {{find: {{python: bank.py:find}}}}
nodes:
  both:
    parallel:
      pay: {{script: 'echo "$WF_IDEMPOTENCY_KEY" >> effects; touch paid; sleep 300', {check}}}
      fails: {{script: 'until [ -e paid ]; do sleep 0.02; done; [ -e mended ]'}}
"""
    for name, content in {"flow.yaml": text, "bank.py": BANK}.items():
        write(tmp_path, name, content)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "a", code=1)
    (tmp_path / "mended").touch()
    wf(tmp_path, "retry", "a", "--run-id", "b")
    assert effects(tmp_path) == ["a/both/pay"]


def test_a_check_may_do_what_any_node_may_and_no_more(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", flow("command", "{check: {command: [curl], parse: json}}"))
    write(tmp_path, "bank.py", BANK)
    assert "program 'curl' is not permitted" in wf(tmp_path, "validate", "flow.yaml", code=2).stderr


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("{command: [sh], on_crash: {check: {end: failed}}}", "a check can't end the workflow"),
        (
            "{command: [sh], on_crash: {check: {parallel: {a: {end: failed}, b: {}}}}}",
            "a check can't end the workflow",
        ),
        ("{command: [sh], on_crash: {check: {command: [sh]}}}", "this check never says {done: true, output: …}"),
        ("{command: [sh, '{{ idempotency_key }}']}", "it is seen in an `on_crash: {check: …}`"),
        ("{parallel: {a: {}}, on_crash: {check: {}}}", "only a step that is one call to the world can be checked"),
        ("{agent: clerk, prompt: a, on_crash: {check: {}}}", "let the tools that it calls have one"),
        ("{command: [sh], on_crash: {check: {steps: [{retires: 2}]}}}", "unknown key 'retires' in step 's1'"),
        ("{command: [sh], on_crash: {check: {retires: 2}}}", "unknown key 'retires' in the check of node 'pay'"),
        (
            "{command: [sh], on_crash: {chek: {}}}",
            "'chek' in on_crash of node 'pay'; did you mean 'check'?",
        ),
        ("{command: [sh], on_crash: {}}", "on_crash of node 'pay' needs 'check'"),
        ("{command: [sh], on_crash: retri}", "did you mean 'retry'?"),
        ("{for_each: [1], as: idempotency_key, do: {}}", "'idempotency_key' is what expressions call"),
    ],
)
def test_a_check_that_can_not_be_one_is_refused_or_warned_of(tmp_path: Path, node: str, words: str) -> None:
    write(tmp_path, "flow.yaml", FLOW.replace("{NODE}", node).replace("{TOOL}", "{python: bank.py:charge}"))
    write(tmp_path, "bank.py", BANK)
    said = wf(tmp_path, "validate", "flow.yaml", code=None)
    assert words in said.stderr + said.stdout


@pytest.mark.parametrize("check", ["{command: [sh, '{{ state.n }}'], parse: json}", "{set: {n: 1}}"])
def test_the_check_of_a_tool_sees_its_arguments_and_no_state(tmp_path: Path, check: str) -> None:
    tool = f"{{command: [sh, '{{{{ inputs.amount }}}}'], inputs: {{amount: {{}}}}, on_crash: {{check: {check}}}}}"
    text = FLOW.replace("{TOOL}", tool).replace("{NODE}", "{tool: charge, with: {amount: 1}}")
    write(tmp_path, "flow.yaml", f"{text}state: {{n: {{type: integer, default: 0}}}}\n")
    write(tmp_path, "bank.py", BANK)
    said = wf(tmp_path, "validate", "flow.yaml", code=2).stderr
    assert "state key 'n' does not exist" in said
    assert "the check of a tool sees the tool's own arguments as inputs, and no state" in said


def test_what_a_check_sets_races_with_nothing(tmp_path: Path) -> None:
    node = "{command: [sh], on_crash: {check: {set: {n: 1}}}}"
    text = FLOW.replace("{NODE}", f"{{parallel: {{a: {node}, b: {node}}}}}").replace(
        "{TOOL}", "{python: bank.py:charge}"
    )
    write(tmp_path, "flow.yaml", f"{text}state: {{n: {{type: integer, default: 0}}}}\n")
    write(tmp_path, "bank.py", BANK)
    wf(tmp_path, "validate", "flow.yaml")


def test_a_picture_of_a_run_leaves_its_checks_out(tmp_path: Path) -> None:
    killed(tmp_path, flow("command", "check"))
    wf(tmp_path, "resume", "r")
    assert "check" not in wf(tmp_path, "graph", "r").stdout
