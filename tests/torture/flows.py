"""The workflows that the crash programme runs. Each script appends its step's address to a file: its effect."""

from __future__ import annotations

from tests.torture.trial import WF, Flow

MARK = """'echo "$WF_STEP" >> effects; echo "$WF_STEP"'"""

SIX = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: six
permissions: {{commands: [sh], read: [.]}}
state: {{seen: {{type: array, default: [], reducer: append}}}}
nodes:
  first: {{script: {MARK}, set: {{seen: "{{{{ output.text }}}}"}}, next: both}}
  both:
    parallel:
      one: {{script: {MARK}, set: {{seen: "{{{{ output.text }}}}"}}}}
      two: {{steps: [{{set: {{seen: two}}}}, {{id: more, script: {MARK}}}]}}
    next: each
  each:
    for_each: ["a", "b"]
    sequential: true
    do: {{script: {MARK}, set: {{seen: "{{{{ item }}}}"}}}}
    next: count
  count: {{set: {{seen: "{{{{ visits }}}}"}}, next: [{{when: visits < 2, to: count}}, {{to: child}}]}}
  child: {{workflow: child.yaml, with: {{word: "{{{{ state.seen | length }}}}"}}, next: last}}
  last: {{script: {MARK}, set: {{seen: "{{{{ nodes.child.output.said }}}}"}}}}
outputs: {{seen: "{{{{ state.seen }}}}"}}
""",
        "child.yaml": f"""
wf: 1
name: child
inputs: {{word: {{type: integer}}}}
nodes: {{inner: {{script: {MARK}}}}}
outputs: {{said: "{{{{ inputs.word }}}}"}}
""",
    },
    outputs={"seen": ["first", "both/one", "two", "a", "b", 1, 2, 7]},
    effects=dict.fromkeys(("first", "both/one", "both/two/more", "each[0]", "each[1]", "child/inner", "last"), 1),
)
"""Six nodes of all the kinds that nest, loop and branch."""

HELD = """'echo "$WF_STEP" >> effects; until [ -e go ]; do sleep 0.02; done; echo "$WF_STEP"'"""

GATED = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: gated
permissions: {{commands: [sh]}}
steps:
  - {{id: first, script: {MARK}}}
  - {{id: hold, script: {HELD}}}
  - {{id: last, script: {MARK}}}
outputs: {{last: "{{{{ nodes.last.output.text }}}}"}}
""",
    },
    outputs={"last": "last"},
    effects=dict.fromkeys(("first", "hold", "last"), 1),
)
"""Its second step goes on only when there is a file `go`."""

TREE = """'(trap "" TERM; exec setsid sleep 300) & echo $WF_STEP >> effects; sleep 0.1; kill -9 $!; echo $WF_STEP'"""

STUBBORN = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: stubborn
permissions: {{commands: [sh]}}
steps:
  - {{id: first, script: {TREE}}}
  - {{id: both, parallel: {{one: {{script: {TREE}}}, two: {{script: {TREE}}}}}}}
  - {{id: last, script: {TREE}}}
outputs: {{last: "{{{{ nodes.last.output.text }}}}"}}
""",
    },
    outputs={"last": "last"},
    effects=dict.fromkeys(("first", "both/one", "both/two", "last"), 1),
)
"""Each step has, for a moment, a process that left its session and does not listen to requests to end."""

FILLING = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: filling
permissions: {{commands: [sh]}}
limits: {{max_steps: 1000}}
state: {{count: {{type: integer, default: 0}}, texts: {{type: array, default: [], reducer: append}}}}
nodes:
  first: {{script: {MARK}, next: write}}
  write:
    set: {{count: "{{{{ state.count + 1 }}}}", texts: "{{{{ state.count }}}} {"x" * 2000}"}}
    next: [{{when: state.count < 300, to: write}}, {{to: last}}]
  last: {{script: {MARK}}}
outputs: {{count: "{{{{ state.count }}}}", size: "{{{{ state.texts | length }}}}"}}
""",
    },
    outputs={"count": 300, "size": 300},
    effects={"first": 1, "last": 1},
)
"""It records some 600 kB."""

KINDS = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: kinds
permissions: {{commands: [sh], read: [.], write: [.], python: [tools.py]}}
models: {{fast: {{model: openai/gpt-4o-mini, timeout: 2s}}}}
agents: {{helper: {{model: fast, tools: [mark, double]}}}}
tools:
  mark: {{command: [sh, -c, {MARK}]}}
  double: {{python: ./tools.py:double}}
steps:
  - {{id: ask, agent: helper, prompt: Double two and leave a mark}}
  - {{id: program, command: [sh, -c, {MARK}]}}
  - {{id: command_tool, tool: mark}}
  - {{id: python_tool, tool: double, with: {{number: 4}}}}
  - {{id: save, write: note.txt, content: "{{{{ nodes.python_tool.output }}}}"}}
  - {{id: back, read: note.txt}}
  - {{id: approve, human: {{prompt: "Go on?", choices: ["yes", "no"]}}}}
  - {{id: pause, wait: {{for: 5ms}}}}
  - {{id: post, script: '"{WF}" signal "$WF_RUN_ID" go 7', retry: {{max_attempts: 5, errors: [tool_failed]}}}}
  - {{id: signalled, wait: {{signal: go}}}}
  - id: flaky
    script: '[ "$WF_ATTEMPT" != 1 ]'
    retry: {{max_attempts: 2, initial_interval: 1ms, errors: [tool_failed]}}
  - {{id: last, script: {MARK}}}
finally: {{steps: [{{id: clean, script: {MARK}}}]}}
outputs:
  asked: "{{{{ nodes.ask.output }}}}"
  note: "{{{{ nodes.back.output.text }}}}"
  answer: "{{{{ nodes.approve.output }}}}"
  signal: "{{{{ nodes.signalled.output.data }}}}"
""",
        "tools.py": "def double(number: int) -> int:\n    return 2 * number\n",
        "mock.yaml": """
ask:
  - {tool_calls: [{tool: double, with: {number: 2}}]}
  - {tool_calls: [{tool: mark, with: {}}]}
  - done
""",
    },
    outputs={"asked": "done", "note": "8", "answer": "yes", "signal": 7},
    effects=dict.fromkeys(("ask/call#4", "program", "command_tool", "last", "finally/clean"), 1),
    given=("--mock", "mock.yaml"),
    answers=("--answer", "approve=yes"),
    writes=frozenset({"note.txt"}),
)
"""A node of every kind that does not nest, an agent with tools among them."""

MANY = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: many
permissions: {{commands: [sh]}}
limits: {{max_concurrency: 40}}
steps:
  - {{id: first, script: {MARK}}}
  - {{id: each, for_each: {list(range(40))}, do: {{script: {MARK}}}}}
  - {{id: last, script: {MARK}}}
outputs: {{count: "{{{{ nodes.each.output | length }}}}"}}
""",
    },
    outputs={"count": 40},
    effects=dict.fromkeys(("first", *(f"each[{number}]" for number in range(40)), "last"), 1),
)
"""Forty programs at once."""

KEPT = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: kept
permissions: {{commands: [sh]}}
state: {{count: {{type: integer, default: 0}}, text: {{type: string, default: ""}}}}
nodes:
  first: {{script: {MARK}, next: write}}
  write:
    set: {{count: "{{{{ state.count + 1 }}}}", text: "{{{{ state.count }}}} {"x" * 5000}"}}
    next: [{{when: state.count < 6, to: write}}, {{to: hold}}]
  hold: {{script: {HELD}, next: last}}
  last: {{script: {MARK}}}
outputs: {{count: "{{{{ state.count }}}}", text: "{{{{ state.text | length }}}}"}}
""",
    },
    outputs={"count": 6, "text": 5002},
    effects={"first": 1, "hold": 1, "last": 1},
)
"""It keeps values apart that are large, and waits as GATED does."""

ASK = """agent: helper, set: {said: "{{ output }}"}, retry: {max_attempts: 100, initial_interval: 1ms,
        errors: [timeout, network, rate_limit, llm_down, provider_unavailable]}"""

ASKING = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: asking
permissions: {{commands: [sh]}}
state: {{said: {{type: array, default: [], reducer: append}}}}
models: {{fast: {{model: openai/gpt-4o-mini, timeout: 2s}}}}
agents: {{helper: {{model: fast}}}}
steps:
  - {{id: first, prompt: first, {ASK}}}
  - {{id: mark, script: {MARK}}}
  - id: each
    for_each: ["a", "b", "c"]
    do:
      steps:
        - {{id: note, script: {MARK}}}
        - {{id: ask, prompt: "each[{{{{ index }}}}]/ask", {ASK}}}
  - {{id: last, prompt: last, {ASK}}}
outputs: {{said: "{{{{ state.said }}}}"}}
""",
    },
    outputs={"said": [f"answer to {step}" for step in ("first", "each[0]/ask", "each[1]/ask", "each[2]/ask", "last")]},
    effects=dict.fromkeys(("mark", "each[0]/note", "each[1]/note", "each[2]/note"), 1),
    asks=True,
)
"""It asks a model over the network, three times at once among others, and again until it has an answer.

Each prompt is the address of the step that asks.
"""

LOOK = """check: {command: [sh, look.sh, "{{ idempotency_key }}"], parse: json}"""

CHECKED = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: checked
permissions: {{commands: [sh]}}
tools: {{charge: {{command: [sh, -c, {MARK}], on_crash: {{{LOOK}}}}}}}
steps:
  - {{id: pay, script: {MARK}, on_crash: {{{LOOK}}}}}
  - id: both
    parallel:
      tool: {{tool: charge}}
      command: {{command: [sh, -c, {MARK}], on_crash: {{{LOOK}}}}}
  - {{id: once, script: 'grep -qx "$WF_STEP" effects || echo "$WF_STEP" >> effects'}}
outputs: {{paid: "{{{{ nodes.pay.output.text }}}}"}}
""",
        "look.sh": """
step=${1#*/}
if grep -qx "$step" effects 2>/dev/null
then printf '{"done": true, "output": {"stdout": "%s"}}' "$step"
else printf '{"done": false}'
fi
""",
    },
    outputs={"paid": "pay"},
    effects=dict.fromkeys(("pay", "both/tool", "both/command", "once"), 1),
)
"""After a crash all that it does is asked about first, or does nothing a second time by itself."""
