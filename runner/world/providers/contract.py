"""What a model provider is: it answers model calls. The form of a call's messages and tools, and of the answer.

Messages: `{role: system|user, content}`; `{role: assistant, content, tool_calls: [ToolCall]}`;
`{role: tool, tool_call_id, content}`. A user's may have `files: [{path, type, size, sha256}]`, each with its `text`, or
its `data` in Base64. Tools: `{name, description, schema}`, with the JSON Schema of all arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypedDict

from runner.ground.json_value import Json
from runner.world.calls import Attempt, Context, ModelCall, Outcome

# `id` is what the provider calls it, perhaps nothing, or what it has called another: the conversation sees to that.
# `with` is the object of arguments; or the model's own text, where that is no JSON object.
ToolCall = TypedDict("ToolCall", {"id": str, "tool": str, "with": Json})


class Reply(TypedDict):
    """What a model said: the output of a model call that is done.

    `finish`: `stop`; `tool_calls`, when there are any; `length`, when `max_reply_tokens` cut the reply.
    """

    text: str
    tool_calls: list[ToolCall]
    finish: str


class Provider(Protocol):
    """Answers model calls. What the world does wrong is a Failed; a text, as it comes, is also given to the stream."""

    def begin(self, models: Iterable[str], context: Context) -> None:
        """Begin beside the run what `prepare` of these models would otherwise have to wait for."""
        ...

    async def prepare(self, model: str, context: Context) -> None:
        """What comes before a model can be asked and takes time that no attempt is to pay for: before its timeout."""
        ...

    async def ask(self, attempt: Attempt, context: Context) -> Outcome:
        """Answer the attempt's model call: a Done whose output is a Reply, or a Failed. Tries once."""
        ...

    async def close(self) -> None:
        """Let go of what the run no longer needs: nobody is asked any more."""
        ...


def model_call(attempt: Attempt) -> ModelCall:
    """The attempt's call, which must be a model call. Raises TypeError."""
    if not isinstance(attempt.call, ModelCall):
        raise TypeError(f"a provider answers model calls, not {type(attempt.call).__name__}")
    return attempt.call
