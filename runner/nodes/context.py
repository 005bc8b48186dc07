"""What of a long conversation is sent to a model: its last messages, or a summary of the earlier ones. Pure.

`messages` are those of a conversation without its instructions. They go in groups that can't be parted: what a model
said goes with the results of the tools that it called.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from runner.ground.json_value import Json
from runner.workflow.model import ContextBound

Message = dict[str, Json]

SUMMARY = "summary"
"""The role of what stands for all messages up to the one that it `covers`: no model is sent it as it is."""

_BYTES_A_TOKEN = 4
_TOKENS_OF_PICTURE = 1000
"""About how many tokens a file takes that is not sent as text."""

_LONGEST_PART = 20_000
_INSTRUCTION = (
    "Sum up this conversation for whoever goes on with it: what was asked, found, decided and is still open, with all "
    "names and figures that matter. Say nothing else."
)


def sent(told: list[Message], messages: Sequence[Message], prompt: int, bound: ContextBound | None) -> list[Message]:
    """What a model is sent: the instructions `told`, the message at `prompt`, the last group; of the rest what fits."""
    if bound is None and not prompt:
        return [*told, *messages]  # there is no summary: what was said in a session may have one, or what has a bound
    covered, head = _covered(messages)
    groups = _groups(messages, covered)
    if bound is not None and bound.summary is None:
        groups = _last(groups, messages, bound, [*told, messages[prompt]])
    places = [place for group in groups for place in group]
    head += [messages[prompt]] if prompt not in places else []
    return [*told, *head, *(messages[place] for place in places)]


def due_summary(messages: Sequence[Message], bound: ContextBound | None) -> int:
    """Up to which message, not included, a summary is due now; 0 if none is."""
    if bound is None or bound.summary is None:
        return 0
    groups = _groups(messages, _covered(messages)[0])
    if sum(map(len, groups)) <= bound.over:
        return 0
    kept = _last(groups, messages, ContextBound(last=max(1, bound.over // 2)), [])
    return kept[0][0] if len(kept) < len(groups) else 0


def asking_for_summary(messages: Sequence[Message], covers: int) -> list[Message]:
    """What a model is asked so that it sums up the messages before `covers`."""
    covered, head = _covered(messages)
    places = [place for group in _groups(messages, covered) for place in group if place < covers]
    told = [*head, *(messages[place] for place in places)]
    transcript = "\n\n".join(f"{message['role']}: {_shown(message)[:_LONGEST_PART]}" for message in told)
    return [{"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": transcript}]


def _covered(messages: Sequence[Message]) -> tuple[int, list[Message]]:
    """Up to which message the last summary goes, and what is sent in their place."""
    for message in reversed(messages):
        if message["role"] == SUMMARY:
            content = f"The conversation so far, summed up:\n{message['content']}"
            return message["covers"], [{"role": "user", "content": content}]
    return 0, []


def _groups(messages: Sequence[Message], begin: int) -> list[list[int]]:
    """The places of the messages from `begin` on, by group."""
    groups: list[list[int]] = []
    for place in range(begin, len(messages)):
        role = messages[place]["role"]
        if role == "tool" and groups:
            groups[-1].append(place)
        elif role != SUMMARY:
            groups.append([place])
    return groups


def _last(
    groups: list[list[int]], messages: Sequence[Message], bound: ContextBound, always: list[Message]
) -> list[list[int]]:
    """The last groups that fit, at least one; of tokens, what is sent anyway has its share."""
    most = bound.last if bound.last is not None else bound.max_tokens or 0
    total, kept = 0 if bound.last is not None else sum(map(_tokens, always)), 0
    for group in reversed(groups):
        total += len(group) if bound.last is not None else sum(_tokens(messages[place]) for place in group)
        if kept and total > most:
            break
        kept += 1
    return groups[len(groups) - kept :]


def _tokens(message: Message) -> int:
    """About how many tokens a message has: a provider's own count is known only afterwards."""
    pictures = sum("text" not in file for file in message.get("files", ()))
    return -(-len(_shown(message).encode("utf-8", "replace")) // _BYTES_A_TOKEN) + _TOKENS_OF_PICTURE * pictures


def _shown(message: Message) -> str:
    """A message as text: of a file that is none, its name."""
    calls = message.get("tool_calls")
    if calls:
        return f"{message['content']} {json.dumps(calls, ensure_ascii=False)}"
    files = (f"[file {file['path']}] {file.get('text', '')}".rstrip() for file in message.get("files", ()))
    return "\n".join((str(message["content"]), *files))
