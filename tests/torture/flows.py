"""The workflows that the crash programme runs. Each script appends its step's address to a file: its effect."""

from __future__ import annotations

from tests.torture.trial import Flow

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
