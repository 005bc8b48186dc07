"""A secret input through the command line: used for real, and in nothing that is kept or shown."""

from __future__ import annotations

import html
import json
import os
import re
from base64 import b32encode, b64encode
from pathlib import Path
from typing import Any

from tests.acceptance.command_line import wf
from tests.acceptance.test_leaves import refused

HIDDEN = "s3cr3t/Value+42"

FLOW = """
wf: 1
name: hiding
inputs: {token: {type: string, secret: true, env: WF_TEST_TOKEN}, address: {type: string}}
state: {kept: {type: string, default: ""}}
permissions: {commands: [sh], write: [.], read: [.], python: [tools.py], env: [WF_TEST_TOKEN]}
tools: {fail: {python: ./tools.py:fail}}
nodes:
  print:
    script: 'echo "$T"; echo "$T" | base64'
    env: {T: "{{ inputs.token }}"}
    set: {kept: "{{ output.text }}"}
    next: ask
  ask: {agent: {model: openai/gpt-4o-mini}, prompt: "{{ state.kept }}", next: write}
  write: {write: out.txt, content: "{{ inputs.token }}", next: read}
  read: {read: out.txt, next: fail}
  fail: {tool: fail, with: {value: "{{ inputs.token }}"}, on_error: continue, next: tell}
  tell: {human: {prompt: "What is it?"}, next: confirm}
  confirm: {human: {prompt: "Is {{ inputs.token }} right?"}, next: end}
  end: {end: failed, message: "no luck with {{ inputs.address }}"}
"""


def test_a_secret_is_in_nothing_that_is_kept_or_shown(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW, encoding="utf-8")
    (tmp_path / "tools.py").write_text("def fail(value):\n    raise ValueError(value)\n", encoding="utf-8")
    (tmp_path / "mock.yaml").write_text(json.dumps({"ask": [f"you said {HIDDEN}"]}), encoding="utf-8")
    given = ("-i", f"token={HIDDEN}", "-i", f"address=https://me:{HIDDEN}@host/")
    shown = [
        wf(
            tmp_path,
            "run",
            "flow.yaml",
            *given,
            "--mock",
            "mock.yaml",
            "--answer",
            f"tell=it is {HIDDEN}",
            "--no-input",
            code=3,
        ),
        wf(tmp_path, "resume", "last", "--no-input", code=2),
        wf(tmp_path, "answer", "last", "confirm", "yes"),
        wf(tmp_path, "resume", "last", "-i", f"token={HIDDEN}", "--json", code=1),
        *(wf(tmp_path, *words) for words in (["show", "last"], ["logs", "last"], ["state", "last"], ["graph", "last"])),
    ]
    assert "secret input 'token' is needed again" in shown[1].stderr
    assert json.loads(shown[3].stdout)["error"]["message"].startswith("no luck with https://me:⟦secret:token:")
    kept = [path.read_bytes() for path in (tmp_path / ".wf").iterdir()]
    assert [HIDDEN in done.stdout + done.stderr for done in shown] == [False] * len(shown)
    assert [HIDDEN.encode() in content for content in kept] == [False] * len(kept)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == HIDDEN


def test_a_secret_is_text(tmp_path: Path) -> None:
    flow = "inputs: {pin: {type: integer, secret: true}}\nnodes: {a: {}}"
    assert refused(tmp_path, flow) == ["a secret is text"]


FORMS = """
import base64, html, json, os, sys, urllib.parse
raw = os.environ["T"].encode()
lines = lambda text: "\\n".join(text[at:at + 12] for at in range(0, len(text), 12))
said = [raw.decode(), base64.b64encode(b"me:" + raw).decode(), lines(base64.b64encode(raw).decode()), raw.hex(" "),
        json.dumps(json.dumps(raw.decode())), "".join(f"%{byte:02x}" for byte in raw), lines(raw.decode()),
        html.escape(raw.decode()), repr(raw), base64.b32encode(raw).decode()]
print(*said, sep="\\n--\\n")
print(*said, sep="\\n--\\n", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""

AWKWARD = 'Tq"7/z+%41<p8>X-w0rd'

SINKS = """
wf: 1
name: sinks
inputs: {token: {type: string, secret: true}}
state: {kept: {type: array, default: [], reducer: append}}
permissions: {commands: [python3], write: [.], read: [.]}
nodes:
  good: {command: [python3, forms.py, "0"], env: {T: "{{ inputs.token }}"}, set: {kept: "{{ output.text }}"}, next: bad}
  bad:
    command: [python3, forms.py, "1"]
    env: {T: "{{ inputs.token }}"}
    retry: {max_attempts: 2, initial_interval: 1ms, errors: [tool_failed]}
    on_error: continue
    next: lines
  lines: {command: [python3, forms.py, "0"], parse: lines, env: {T: "{{ inputs.token }}"}, next: hear}
  hear: {wait: {signal: go}, next: ask}
  ask: {human: {prompt: "{{ inputs.token }}?"}}
outputs: {all: "{{ state.kept }}", said: "{{ nodes.ask.output }}", heard: "{{ nodes.hear.output }}"}
"""


def written_forms(secret: str) -> list[str]:
    """What would give the secret away in a sink, whatever stands around it."""
    raw = secret.encode()
    return [
        secret,
        b64encode(b"me:" + raw).decode()[4:-4],
        b64encode(raw).decode()[:12],
        raw.hex(" "),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        "".join(f"%{byte:02x}" for byte in raw),
        html.escape(secret),
        b32encode(raw).decode()[:-8],
    ]


def test_no_form_of_a_secret_is_in_any_sink(tmp_path: Path) -> None:
    secret = AWKWARD
    (tmp_path / "flow.yaml").write_text(SINKS, encoding="utf-8")
    (tmp_path / "forms.py").write_text(FORMS, encoding="utf-8")
    given = ("-i", f"token={secret}")
    summary = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    shown = [
        wf(tmp_path, "run", "flow.yaml", *given, "--no-input", "--events", "--run-id", "r", "--name", secret, code=3)
    ]
    shown += [wf(tmp_path, "signal", "r", "go", json.dumps({"seen": "nothing"}))]
    shown += [wf(tmp_path, "resume", "r", *given, "--no-input", "--json", code=3, environment=summary)]
    shown += [wf(tmp_path, "resume", "r", *given, "--answer", f"ask=it is {secret}", "--no-input", environment=summary)]
    shown += [wf(tmp_path, *words) for words in (["show", "r"], ["show", "r", "--json"], ["logs", "r", "--json"])]
    shown += [wf(tmp_path, *words) for words in (["state", "r"], ["graph", "r"], ["export", "r", "-o", "r.jsonl"])]
    texts = [done.stdout + done.stderr for done in shown]
    texts += [path.read_bytes().decode("utf-8", "replace") for path in (tmp_path / ".wf").iterdir()]
    texts += [(tmp_path / name).read_text(encoding="utf-8") for name in ("summary.md", "r.jsonl")]
    assert [form for form in written_forms(secret) for text in texts if form in text] == []
    assert "⟦secret:token.hex:" in shown[4].stdout + shown[5].stdout
    assert {sign for text in texts for sign in text if sign > "\U000fffff"} == set()


def test_what_a_signal_says_of_a_secret_is_masked_when_the_run_takes_it(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        """
wf: 1
name: hearing
inputs: {token: {type: string, secret: true}}
nodes: {hear: {wait: {signal: go}}}
outputs: {heard: "{{ nodes.hear.output.data }}"}
""",
        encoding="utf-8",
    )
    wf(tmp_path, "run", "flow.yaml", "-i", f"token={HIDDEN}", "--no-input", "--run-id", "r", code=3)
    said = json.dumps({"seen": b64encode(f"me:{HIDDEN}".encode()).decode()})
    assert "secret input 'token' is needed again" in wf(tmp_path, "signal", "r", "go", said, "--resume", code=2).stderr
    done = wf(tmp_path, "signal", "r", "go", said, "--resume", "-i", f"token={HIDDEN}", "--json")
    assert done.document["outputs"]["heard"]["seen"].startswith("bWU6⟦secret:token.base64-0:")


def test_a_choice_that_holds_a_secret_can_be_chosen_as_it_is_shown(tmp_path: Path) -> None:
    flow = """
wf: 1
name: choosing
inputs: {token: {type: string, secret: true}}
permissions: {write: [.]}
nodes:
  pick: {human: {prompt: "Which?", choices: "{{ ['none', 'all of ' ~ inputs.token] }}"}, next: put}
  put: {write: out.txt, content: "{{ nodes.pick.output }}"}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    given = ("-i", f"token={HIDDEN}", "--no-input")
    run = wf(tmp_path, "run", "flow.yaml", *given, "--run-id", "r", code=3)
    shown = re.search(r"one of: none, (all of .*⟧)", run.stderr)
    assert shown is not None
    wf(tmp_path, "answer", "r", "pick", shown[1])
    wf(tmp_path, "resume", "r", *given)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == f"all of {HIDDEN}"
    wf(tmp_path, "run", "flow.yaml", *given, "--run-id", "b", "--answer", f"pick={shown[1]}", code=2)


FORGING = """
wf: 1
name: forging
inputs: {token: {type: string, secret: true}, greeting: {type: string, default: hello}}
state: {kept: {type: string, default: ""}}
permissions: {commands: [python3], write: [out], read: [out, .wf]}
nodes:
  spy: {command: [python3, spy.py], set: {kept: "{{ output.text }}"}, next: ask}
  ask: {human: {prompt: "{{ inputs.token }}?"}, next: write}
  write:
    write: out/all.txt
    content: "{{ state.kept }} {{ nodes.ask.output }} {{ state.kept | replace('!', '') }} {{ inputs.greeting }}"
    next: read
  read: {read: out/all.txt, next: tell}
  tell: {write: out/again.txt, content: "{{ nodes.read.output.text }}|{{ inputs.token }}"}
"""
SPY = """
import glob, re
raw = b"".join(open(name, "rb").read() for name in glob.glob(".wf/wf.db*") if not name.endswith("shm"))
print("\\u27e6secret:token:%s\\u27e7" % re.search(rb'"nonce":"([^"]+)"', raw)[1].decode())
"""


def test_no_reference_that_comes_from_outside_is_one(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FORGING, encoding="utf-8")
    (tmp_path / "spy.py").write_text(SPY, encoding="utf-8")
    (tmp_path / "out").mkdir()
    given = ("-i", f"token={HIDDEN}", "--no-input")
    [waiting] = wf(tmp_path, "run", "flow.yaml", *given, "--json", "--run-id", "r", code=3).document["waiting"]
    forged = waiting["prompt"].removesuffix("?")
    assert forged.startswith("⟦secret:token:")
    wf(tmp_path, "answer", "r", "ask", forged)
    wf(tmp_path, "resume", "r", *given)
    first = f"{forged} {forged} {forged} hello"
    assert (tmp_path / "out" / "all.txt").read_text(encoding="utf-8") == first
    assert (tmp_path / "out" / "again.txt").read_text(encoding="utf-8") == f"{first}|{HIDDEN}"
    at = wf(tmp_path, "checkpoints", "r", "--json").document[1]["seq"]
    edits = ("--set", f"state.kept={forged}", "--set", f"inputs.greeting={forged}", "--answer", f"ask={forged}")
    wf(tmp_path, "fork", f"r@{at}", *edits, *given)
    first = f"{forged} {forged} {forged} {forged}"
    assert (tmp_path / "out" / "again.txt").read_text(encoding="utf-8") == f"{first}|{HIDDEN}"
    wf(tmp_path, "doctor")


def outcome_of(folder: Path, node: str, token: str = HIDDEN) -> Any:
    """How a run of one node ends that is given a secret."""
    flow = f"""
wf: 1
name: using
inputs: {{token: {{type: string, secret: true}}, list: {{type: array, default: [a, b]}}}}
state: {{header: {{type: string, default: ""}}, deep: {{default: {{}}}}}}
permissions: {{write: [.]}}
nodes:
  first: {{set: {{header: "Bearer {{{{ inputs.token }}}}"}}, next: a}}
  a: {node}
"""
    (folder / "flow.yaml").write_text(flow, encoding="utf-8")
    return wf(folder, "run", "flow.yaml", "-i", f"token={token}", "--json", code=None).document


def refused_as_whole(done: Any, changed: str) -> None:
    assert done["status"] == "failed", changed
    assert done["error"]["type"] == "input_invalid", changed
    assert "a secret can only be passed on whole" in done["error"]["message"], changed


CHANGED_IN_TEMPLATES = (
    "inputs.token[:4]", "inputs.token[0]", "state.header[:7]", "inputs.token | upper", "inputs.token | list",
    "inputs.token | length", "state.header | replace('e', 'x')", "inputs.token.upper()", "inputs.token is lower",
    "inputs.token == 'x'", "inputs.token in ['x']", "'s3' in inputs.token", "inputs.token in 'abc'",
    "inputs.token < 'z'", "'ab'.replace('a', inputs.token)", "[inputs.token, 'x'] | sort", "'%60s' % inputs.token",
    "[inputs.token] | map('upper')", "[inputs.token] == ['x']", "[inputs.token] | unique", "inputs.token | urlencode",
    "inputs.token | first", "[inputs.token] | select('eq', 'x')", "inputs.token in {'x': 1}",
    "{inputs.token: 1} == {'x': 1}", "{inputs.token: 1, 'x': 2} | length", "'%.5s' % [[inputs.token]]",
    "inputs.token * 2", "0 * inputs.token", "state.header * 1", "[inputs.token] | e", "{'k': inputs.token} | escape",
)  # fmt: skip


def test_a_template_that_would_cut_change_or_compare_a_secret_fails(tmp_path: Path) -> None:
    for changed in CHANGED_IN_TEMPLATES:
        done = outcome_of(tmp_path, f'{{write: out.txt, content: "{{{{ {changed} }}}}"}}')
        refused_as_whole(done, changed)
    assert not (tmp_path / "out.txt").exists()


CHANGED_IN_EXPRESSIONS = (
    "inputs.token == 'x'", "inputs.token != 'x'", "size(inputs.token) > 3", "state.header.startsWith('Bearer')",
    "inputs.token.contains('secret')", "inputs.token.matches('^s')", "inputs.token in ['x', 'y']",
    "inputs.token in inputs.list", "'x' in [inputs.token]", "inputs.token < 'z'", "[inputs.token] == ['x']",
    "{'k': inputs.token} == {'k': 'x'}", "bytes(inputs.token) == b'x'", "inputs.token in {'x': 1}",
    "{inputs.token: 1} == {'x': 1}", "'x' in {inputs.token: 1}", "size({inputs.token: 1, 'x': 2}) == 2",
)  # fmt: skip


def test_a_condition_that_would_cut_change_or_compare_a_secret_fails(tmp_path: Path) -> None:
    for changed in CHANGED_IN_EXPRESSIONS:
        done = outcome_of(tmp_path, f'{{next: [{{when: "{changed}", to: exit}}, {{to: exit}}]}}')
        refused_as_whole(done, changed)


def test_a_secret_that_would_be_changed_in_a_deep_value_is_the_same_mistake(tmp_path: Path) -> None:
    done = outcome_of(tmp_path, '{set: {deep: {a: ["{{ inputs.token | upper }}"]}}}')
    refused_as_whole(done, "set")


def test_words_of_the_file_do_not_decide_what_kind_of_mistake_it_is(tmp_path: Path) -> None:
    words = "a secret can only be passed on whole, or compared with the empty text"
    for node, kind in (
        (f"""{{write: out.txt, content: "{{{{ {{'k': 1}}['{words}'] }}}}"}}""", "template_error"),
        (f"""{{if: "{{'k': 1}}['{words}'] == 1"}}""", "condition_error"),
    ):
        done = outcome_of(tmp_path, node)
        assert (done["error"]["type"], words in done["error"]["message"]) == (kind, True)


def test_whether_a_secret_is_given_can_be_asked_and_one_is_itself(tmp_path: Path) -> None:
    right = (
        "inputs.token != ''", "inputs.token == inputs.token", "inputs.token != null", "inputs.token in [inputs.token]",
        "string(inputs.token) == inputs.token", "'Bearer ' + inputs.token == state.header",
        "!(inputs.token in [''])", "size([inputs.token]) == 1",
    )  # fmt: skip
    done = outcome_of(tmp_path, f'{{if: "{" && ".join(right)}", write: out.txt, content: x}}')
    assert (done["status"], (tmp_path / "out.txt").exists()) == ("completed", True)
    written = (
        "{% if inputs.token and inputs.token != '' and inputs.token in state.header and '' in inputs.token %}"
        "{{ inputs.token | default('x') | string }} {{ [inputs.token] | join(',') }} {{ '%s' | format(inputs.token) }}"
        "{% endif %}"
    )
    assert outcome_of(tmp_path, f'{{write: out.txt, content: "{written}"}}')["status"] == "completed"
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == " ".join([HIDDEN] * 3)


def test_a_secret_in_json_is_as_json_writes_it(tmp_path: Path) -> None:
    odd = 'quo"te\\back and more'
    content = "{{ {'key': inputs.token} | tojson }} {{ [inputs.token] }}"
    done = outcome_of(tmp_path, f'{{write: out.txt, content: "{content}"}}', odd)
    assert done["status"] == "completed"
    written = json.dumps(odd)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == f'{{"key": {written}}} [{written}]'


def test_a_file_with_a_secret_is_its_owners_alone(tmp_path: Path) -> None:
    flow = """
wf: 1
name: keeping
inputs: {token: {type: string, secret: true}}
permissions: {write: [.]}
nodes:
  a: {write: old.txt, content: "key={{ inputs.token }}", next: b}
  b: {write: "{{ inputs.token | string }}.txt", content: "x", next: c}
  c: {write: plain.txt, content: "x"}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    (tmp_path / "old.txt").write_text("before", encoding="utf-8")
    (tmp_path / "old.txt").chmod(0o644)
    wf(tmp_path, "run", "flow.yaml", "-i", "token=s3cret-w0rd")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("old.txt", "s3cret-w0rd.txt", "plain.txt")}
    assert modes.pop("plain.txt") & 0o044
    assert set(modes.values()) == {0o600}


BECOMING = """
wf: 1
name: becoming
inputs: {token: {type: string}}
state: {seen: {type: string, default: ""}}
nodes:
  first: {set: {seen: "with {{ inputs.token }}"}, next: ask}
  ask: {human: {prompt: "go?"}, next: last}
  last: {set: {seen: "{{ state.seen }}, {{ nodes.ask.output }}"}}
outputs: {seen: "{{ state.seen }}"}
"""


def test_an_input_that_becomes_secret_is_masked_from_there_on(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(BECOMING, encoding="utf-8")
    later = BECOMING.replace("token: {type: string}", "token: {type: string, secret: true}")
    (tmp_path / "later.yaml").write_text(later, encoding="utf-8")
    wf(tmp_path, "run", "flow.yaml", "-i", f"token={HIDDEN}", "--no-input", "--run-id", "r", code=3)
    done = wf(tmp_path, "resume", "r", "--workflow", "later.yaml", "--no-input", code=3)
    assert "input 'token' is secret from now on, but what was recorded before holds its value in clear" in done.stderr
    assert HIDDEN not in done.stdout + done.stderr
    assert HIDDEN not in wf(tmp_path, "state", "r").stdout + wf(tmp_path, "show", "r").stdout
    assert "secret input 'token' is needed again" in wf(tmp_path, "resume", "r", "--no-input", code=2).stderr
    done = wf(tmp_path, "answer", "r", "ask", f"no {HIDDEN}", "--resume", "-i", f"token={HIDDEN}")
    assert done.stdout.count("⟦secret:token:") == 2
    assert HIDDEN not in done.stdout + done.stderr
    wf(tmp_path, "doctor")


def test_what_was_recorded_before_an_input_became_secret_is_no_reference(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(BECOMING, encoding="utf-8")
    later = BECOMING.replace("token: {type: string}", "token: {type: string, secret: true}")
    later = re.sub("last: .*", """last: {write: o, content: "{{ state.seen }}"}""", later)
    later = later.replace("outputs:", "permissions: {write: [.]}\noutputs:")
    (tmp_path / "later.yaml").write_text(later, encoding="utf-8")
    wf(tmp_path, "run", "flow.yaml", "-i", f"token={HIDDEN}", "--no-input", "--run-id", "r", code=3)
    nonce = re.search('"nonce": ?"([^"]+)"', wf(tmp_path, "logs", "r", "--json").stdout)
    assert nonce is not None
    forged = f"⟦secret:token:{nonce[1]}⟧"
    point = wf(tmp_path, "checkpoints", "r", "--json").document[-1]["seq"]
    wf(tmp_path, "fork", f"r@{point}", "--set", f"state.seen={forged}", "--no-input", "--run-id", "f", code=3)
    wf(tmp_path, "resume", "f", "--workflow", "later.yaml", "--answer", "ask=x", "--no-input")
    assert (tmp_path / "o").read_text(encoding="utf-8") == forged


def test_an_edit_that_holds_a_secret_is_recorded_as_a_reference(tmp_path: Path) -> None:
    later = BECOMING.replace("token: {type: string}", "token: {type: string, secret: true}")
    (tmp_path / "flow.yaml").write_text(later, encoding="utf-8")
    given = ("-i", f"token={HIDDEN}", "--no-input")
    wf(tmp_path, "run", "flow.yaml", *given, "--run-id", "r", code=3)
    point = wf(tmp_path, "checkpoints", "r", "--json").document[-1]["seq"]
    wf(tmp_path, "fork", f"r@{point}", "--set", f"state.seen=is {HIDDEN}", *given, code=3)
    assert HIDDEN.encode() not in b"".join(path.read_bytes() for path in (tmp_path / ".wf").iterdir())


def test_what_a_call_was_given_has_one_hash_in_every_process(tmp_path: Path) -> None:
    flow = """
wf: 1
name: again
inputs: {token: {type: string, secret: true}}
permissions: {commands: [sh]}
nodes:
  call: {script: ":", env: {T: "{{ inputs.token }}"}, next: ask}
  ask: {human: {prompt: "again?", choices: ["yes", "no"]}, next: [{when: "output == 'yes'", to: call}, {to: exit}]}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    given = ("-i", f"token={HIDDEN}", "--no-input")
    wf(tmp_path, "run", "flow.yaml", *given, "--run-id", "r", code=3)
    wf(tmp_path, "resume", "r", *given, "--answer", "ask=yes", "--answer", "ask#2=no")
    hashes = re.findall(r'"input_hash": ?"(\w+)"', wf(tmp_path, "logs", "r", "--json").stdout)
    assert len(hashes) == 2
    assert len(set(hashes)) == 1


def test_a_fork_takes_the_secrets_that_its_workflow_adds(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(BECOMING, encoding="utf-8")
    later = BECOMING.replace("inputs: {", "inputs: {pass: {type: string, secret: true}, ")
    later = later.replace("permissions: {}", "").replace('prompt: "go?"', 'prompt: "{{ inputs.pass }}?"')
    later = later.replace(
        "next: last}", "next: put}\n  put: {write: out.txt, content: '{{ inputs.pass }}', next: last}"
    )
    (tmp_path / "later.yaml").write_text(later.replace("state:", "permissions: {write: [.]}\nstate:"), encoding="utf-8")
    wf(tmp_path, "run", "flow.yaml", "-i", "token=abc", "--no-input", "--run-id", "r", code=3)
    at = wf(tmp_path, "checkpoints", "r", "--json").document[0]["seq"]
    again = ("fork", f"r@{at}", "--workflow", "later.yaml", "--answer", "ask=x", "--no-input", "--run-id", "f")
    assert "pass" in wf(tmp_path, *again, code=2).stderr
    wf(tmp_path, *again, "-i", f"pass={HIDDEN}")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == HIDDEN
    assert HIDDEN.encode() not in b"".join(path.read_bytes() for path in (tmp_path / ".wf").iterdir())


def test_a_secret_in_the_arguments_of_a_program_is_warned_of(tmp_path: Path) -> None:
    child = """
wf: 1
name: child
permissions: {commands: [echo]}
inputs: {key: {type: string}}
nodes: {a: {command: [echo, "{{ inputs.key }}"]}}
"""
    flow = """
wf: 1
name: showing
permissions: {commands: [echo, sh]}
inputs: {token: {type: string, secret: true}, plain: {type: string, default: ""}}
tools:
  say: {command: [echo, "{{ inputs.what }}"], inputs: {what: {type: string}}}
  hush: {command: [sh, -c, 'echo "$W"'], env: {W: "{{ inputs.what }}"}, inputs: {what: {type: string}}}
nodes:
  a: {command: [echo, "{{ inputs.plain }}", "Bearer {{ inputs.token }}"], next: b}
  b: {tool: say, with: {what: "{{ inputs.token }}"}, next: c}
  c: {tool: hush, with: {what: "{{ inputs.token }}"}, next: d}
  d: {workflow: ./child.yaml, with: {key: "{{ inputs.token }}"}, next: e}
  e: {script: 'echo "$W"', env: {W: "{{ inputs.token }}"}}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    (tmp_path / "child.yaml").write_text(child, encoding="utf-8")
    done = wf(tmp_path, "validate", "flow.yaml")
    places = re.findall(r"^(\w+\.yaml:\d+):\d+: warning: .* becomes an argument", done.stderr, re.MULTILINE)
    assert places == ["flow.yaml:10", "flow.yaml:11", "child.yaml:6"]
    assert 'env: {TOKEN: "{{ inputs.token }}"}' in wf(tmp_path, "validate", "flow.yaml", "--strict", code=2).stderr


def arguments_warned_of(folder: Path, **flows: str) -> list[str]:
    """Where `wf validate` warns of a secret among the arguments of a program."""
    for name, text in flows.items():
        head = f"wf: 1\nname: {name}\npermissions: {{commands: [echo]}}\n"
        (folder / f"{name}.yaml").write_text(head + text, encoding="utf-8")
    told = wf(folder, "validate", f"{next(iter(flows))}.yaml").stderr
    return re.findall(r"^(\w+\.yaml:\d+):\d+: warning: .* becomes an argument", told, re.MULTILINE)


def test_all_inputs_among_the_arguments_of_a_program_are_warned_of(tmp_path: Path) -> None:
    flow = """inputs: {token: {type: string, secret: true}}
tools:
  say: {command: [echo, "{{ inputs | tojson }}"], inputs: {what: {type: string}}}
nodes:
  a: {command: [echo, "{{ inputs | tojson }}"], next: b}
  b: {tool: say, with: {what: "{{ inputs.token }}"}}
"""
    assert arguments_warned_of(tmp_path, flow=flow) == ["flow.yaml:8", "flow.yaml:9"]


def test_what_holds_no_secret_is_not_warned_of_beside_one(tmp_path: Path) -> None:
    flow = """inputs: {token: {type: string, secret: true}}
state: {token: {type: string, default: ""}, key: {type: string, default: ""}}
tools:
  say: {command: [echo, "{{ inputs.what }}"], inputs: {what: {type: string}}}
nodes:
  a: {command: [echo, "{{ state.token }}"], next: b}
  b: {tool: say, with: {what: "plain"}, next: c}
  c: {workflow: ./child.yaml, with: {key: "plain"}, set: {key: "{{ inputs.token }}"}}
"""
    child = 'inputs: {key: {type: string}}\nnodes: {a: {command: [echo, "{{ inputs.key }}"]}}\n'
    assert arguments_warned_of(tmp_path, flow=flow, child=child) == []


def test_a_secret_is_followed_through_all_calls(tmp_path: Path) -> None:
    flow = """inputs: {token: {type: string, secret: true}}
nodes: {a: {workflow: ./child.yaml, with: {first: "{{ inputs.token }}"}}}
"""
    child = """inputs: {first: {type: string}, second: {type: string, default: ""}, third: {type: string, default: ""}}
nodes:
  a: {workflow: ./child.yaml, with: {first: "x", third: "{{ inputs.second }}"}, next: b}
  b: {workflow: ./child.yaml, with: {first: "x", second: "{{ inputs.first }}"}, next: c}
  c: {command: [echo, "{{ inputs.third }}"]}
"""
    assert arguments_warned_of(tmp_path, flow=flow, child=child) == ["child.yaml:8"]


CANCELLED = """
wf: 1
name: cancelled
permissions: {commands: [sh]}
inputs: {token: {type: string, secret: true}, where: {type: string, default: here}}
state: {seen: {type: string, default: ""}}
nodes:
  first: {set: {seen: "with {{ inputs.token }}"}, next: ask}
  ask: {human: {prompt: "go?"}, next: last}
  last: {script: 'echo "$T"', env: {T: "{{ state.seen }}"}}
"""


def test_a_run_is_cancelled_without_its_secrets_unless_a_finally_may_read_them(tmp_path: Path) -> None:
    needing = [
        f"'echo \"$T\"', env: {{T: '{{{{ {what} }}}}'}}" for what in ("inputs.token", "state.seen", "inputs | tojson")
    ]
    known = "'echo $W > ended', env: {W: '{{ inputs.where }}', R: '{{ run.id }}', V: '{{ visits }}'}"
    for number, body in enumerate(("", known, *needing)):
        flow = CANCELLED + (f"finally: {{script: {body}}}\n" if body else "")
        (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
        wf(tmp_path, "run", "flow.yaml", "-i", f"token={HIDDEN}", "--no-input", "--run-id", f"r{number}", code=3)
        done = wf(tmp_path, "cancel", f"r{number}", code=None)
        if body in needing:
            assert (done.code, "a `finally` may read it" in done.stderr) == (2, True)
            done = wf(tmp_path, "cancel", f"r{number}", "-i", f"token={HIDDEN}")
        assert (done.code, HIDDEN in done.stdout + done.stderr) == (0, False)
        assert wf(tmp_path, "runs", "--json").document[0]["status"] == "cancelled"
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "here\n"


def test_a_secret_is_given_by_a_file_stdin_or_a_pipe(tmp_path: Path) -> None:
    flow = """
wf: 1
name: given
permissions: {write: [.], env: [W9_TOKEN]}
inputs: {token: {type: string, secret: true, env: W9_TOKEN}, count: {type: integer, default: 1}}
nodes: {ask: {human: {prompt: "go?"}, next: a}, a: {write: out.txt, content: "{{ inputs.token }}"}}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    (tmp_path / "token.txt").write_text(f"{HIDDEN}\n", encoding="utf-8")
    (tmp_path / "count.json").write_text("7", encoding="utf-8")
    os.mkfifo(tmp_path / "nobody")
    start = ("run", "flow.yaml", "--no-input", "--run-id")
    done = wf(tmp_path, *start, "r", "-i", "token=@token.txt", "-i", "count=@count.json", code=3)
    assert "wf answer r ask VALUE --resume -i token=@FILE" in done.stderr
    for given, why in (("@none", "No such file"), ("@.", "it is a folder"), ("@nobody", "nothing was written to it")):
        refused = wf(tmp_path, "answer", "r", "ask", "yes", "--resume", "-i", f"token={given}", code=2).stderr
        assert why in refused
        assert "a text that begins with @ is written -i token=@@" in refused
    wf(tmp_path, "answer", "r", "ask", "yes", "--resume", "-i", "token=@-", stdin=f"{HIDDEN}\n")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == HIDDEN
    wf(tmp_path, *start, "s", "-i", "token=@@begins-so", "--answer", "ask=yes")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "@begins-so"
    read, write = os.pipe()
    os.write(write, b"two\nlines of it\n")
    os.close(write)
    wf(tmp_path, *start, "t", "-i", f"token=@/dev/fd/{read}", "--answer", "ask=yes")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "two\nlines of it\n"
    done = wf(tmp_path, *start, "u", environment={"W9_TOKEN": HIDDEN}, code=3)
    assert "--resume\n  (W9_TOKEN must be set)\n" in done.stderr
    assert "set W9_TOKEN, or give it with -i token=@FILE" in wf(tmp_path, *start, "v", code=2).stderr
    assert "set W9_TOKEN, or give it with -i token=@FILE" in wf(tmp_path, "resume", "u", code=2).stderr


def test_nothing_of_an_answer_that_was_taken_stays_on_the_databases_free_pages(tmp_path: Path) -> None:
    flow = """
wf: 1
name: taken
inputs: {token: {type: string, secret: true}}
nodes: {ask: {human: {prompt: "go?"}, next: again}, again: {human: {prompt: "more?"}}}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", "-i", f"token={HIDDEN}", code=3)
    for step, said in (("ask", HIDDEN), ("again", f"{HIDDEN} {'x' * 20_000}")):
        wf(tmp_path, "answer", "r", step, said)
        assert HIDDEN.encode() in b"".join(path.read_bytes() for path in (tmp_path / ".wf").glob("wf.db*"))
        wf(tmp_path, "resume", "r", "--no-input", "-i", f"token={HIDDEN}", code=None)
        assert HIDDEN.encode() not in b"".join(path.read_bytes() for path in (tmp_path / ".wf").glob("wf.db*"))
    assert wf(tmp_path, "runs", "--json").document[0]["status"] == "completed"


def test_what_a_resumption_is_given_is_a_secret_of_its_run_and_not_empty(tmp_path: Path) -> None:
    flow = """
wf: 1
name: asking
inputs: {token: {type: string, secret: true}, other: {type: string, secret: true, default: ""}}
nodes: {a: {human: {prompt: "Use {{ inputs.token }}?"}}}
"""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "-i", f"token={HIDDEN}", code=3)
    assert wf(tmp_path, "resume", "r", "-i", f"tokn={HIDDEN}", code=2).stderr == (
        "error: 'tokn' is no secret input of the workflow; did you mean 'token'?\n  help: these are: token, other\n"
    )
    for command in (["resume", "r"], ["answer", "r", "a", "yes", "--resume"], ["fork", "r@4"]):
        assert wf(tmp_path, *command, "-i", "token=", code=2).stderr == (
            "error: secret input 'token' is empty, and was not as the run began\n  help: give it with -i token=@FILE\n"
        )
    assert wf(tmp_path, "resume", "r", "-i", f"token={HIDDEN}", "-i", "other=", code=3).code == 3
