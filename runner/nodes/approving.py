"""Whether a call that a model has chosen may be made: at once, once a person has approved this very call, or not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from msgspec.structs import replace

from runner.ground.errors import ExpressionError, Failure
from runner.ground.json_value import Json
from runner.ground.plain import harmless_json
from runner.nodes.contract import Ask, StepFailed, SubAsk, SubCall, View
from runner.nodes.leaves.tool import whole_arguments
from runner.nodes.tools import ALL_TOOL_KINDS
from runner.record.address import numbered
from runner.record.events import APPROVED, ASK
from runner.record.gates import ToApprove
from runner.record.run_state import Child
from runner.workflow.approval import ApprovalRule
from runner.workflow.fingerprint import tool_hash
from runner.workflow.model import Tool

MAX_SHOWN = 20_000
"""How many characters a call may have that a person is to approve: what nobody can read is not asked."""

ANSWER: dict[str, Json] = {
    "anyOf": [
        {"const": APPROVED},
        {
            "type": "object",
            "properties": {"deny": {"type": "string", "maxLength": 2000}},
            "required": ["deny"],
            "additionalProperties": False,
        },
    ]
}
"""What can be answered."""

_BLANK = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
"""What looks like a blank, and is none."""


def question_key(number: int) -> str:
    """What the question is called that comes before the call of a number."""
    return numbered(ASK, number)


class ApprovalGate:
    """What stands before the calls of one reply. `agent` is who wants them."""

    def __init__(self, agent: str, view: View) -> None:
        self._agent = agent
        self._view = view
        self._asking: set[str] = set()

    def passes(self, tool: Tool, call: SubCall, number: int) -> SubCall | SubAsk | str | None:
        """The call, if it may be made; the question that comes first; or the words in which it is refused.

        None while another question about the tool is open whose answer may free this call too.
        """
        rule, key = tool.approval, question_key(number)
        if rule is None:
            return call
        if (answered := self._view.children.get(key)) is not None:
            return _refused(answered, rule) or replace(call, approved=answered.approves)
        identity = tool_hash(tool)
        if key not in self._view.open:
            if not self._is_due(rule, identity, whole_arguments(tool, call.request["with"])):
                return call
            if rule.once and identity in self._asking:
                return None
        self._asking.add(identity)
        return self._question(tool, call, number, identity)

    def _is_due(self, rule: ApprovalRule, identity: str, arguments: Mapping[str, Json]) -> bool:
        """Whether a person is to be asked: also where the condition can't be told."""
        if rule.once and self._view.is_freed(identity):
            return False
        try:
            return rule.when is None or rule.when.test({"args": arguments})
        except ExpressionError:
            return True

    def _question(self, tool: Tool, call: SubCall, number: int, identity: str) -> SubAsk | str:
        rule, arguments = tool.approval, whole_arguments(tool, call.request["with"])
        assert rule is not None, "only a rule asks"
        prompt = _prompt(self._agent, tool, call, arguments)
        if len(prompt) > MAX_SHOWN:
            return f"error: permission_denied: a person can't approve a call of more than {MAX_SHOWN} characters"
        until = None if rule.timeout is None else self._view.now + rule.timeout
        seal = self._view.seal(call)
        approval = ToApprove(tool.name, dict(arguments), seal, identity if rule.once else "")
        return SubAsk(question_key(number), Ask("person", until, prompt, schema=ANSWER, approval=approval))


def _refused(answered: Child, rule: ApprovalRule) -> str:
    """What a model is told of a call that was not approved. Raises StepFailed where that fails the step."""
    if answered.status == "completed" and answered.output == APPROVED:
        return ""
    if answered.status == "completed" and isinstance(answered.output, dict):
        return f"error: permission_denied: a person denied this call: {answered.output['deny']}"
    if rule.otherwise == "fail":
        raise StepFailed(Failure("human_timeout", "nobody approved the call in time"))
    return "error: permission_denied: nobody approved this call in time"


def _prompt(agent: str, tool: Tool, call: SubCall, arguments: Mapping[str, Json]) -> str:
    """The very call, with whatever can't be seen made visible."""
    who = f"agent '{agent}'" if agent else "an agent"
    shown = ALL_TOOL_KINDS[tool.kind].shows(call.call)
    lines = [f"{who} wants to call tool '{tool.name}' with {visible(dict(arguments))}"]
    lines += [f"which runs {visible(shown)}"] if shown else []
    return "\n".join((*lines, 'Answer approve, or {"deny": "the reason"}.'))


def visible(value: Json) -> str:
    """A value as JSON in which no character is unseen, or looks like another blank than it is."""
    text = harmless_json(json.dumps(value, ensure_ascii=False))
    return _BLANK.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
