"""Reads a file for a model: what it is, by its content, and that in a form that can be recorded."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from runner.ground.json_value import Json
from runner.record.gates import Gate
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallDone, Context, FileCall, Outcome
from runner.world.tools.files import content_of, real_path, unreadable
from runner.world.tools.paths import named, resolve_to_read
from runner.world.tools.refusal import Refusal

_TEXT = "text/plain"
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
"""What files that models take begin with, and what they are."""


async def perform_file(call: FileCall, attempt: Attempt, context: Context) -> Outcome:
    """Read a file; the output is `{path, type, size, sha256}` with its `text`, or `data` in Base64. Raises Refusal."""
    output = await asyncio.to_thread(_read, call, attempt.permissions)
    context.passed(Gate(call.gate, real_path(call.path, call.folder)))
    return CallDone(output)


def _read(call: FileCall, permissions: Permissions) -> Json:
    real, name = resolve_to_read(call.path, call.folder, permissions), named(call.path, call.folder)
    try:
        content = content_of(real, name)
    except OSError as error:
        raise unreadable(error, real, name, permissions) from error
    found = {"path": name, "type": _type(content), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if found["type"] != _TEXT:
        return {**found, "data": base64.b64encode(content).decode()}
    try:
        return {**found, "text": _text(content)}
    except ValueError:
        words = f"'{name}' is neither UTF-8 text, nor an image (PNG, JPEG, GIF, WebP), nor a PDF"
        raise Refusal("file_io", f"{words}: let a command make one of these of it", path=name) from None


def _type(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS.items() if content.startswith(beginning)), _TEXT)


def _text(content: bytes) -> str:
    """The text that bytes are. Raises ValueError for what is none."""
    if b"\0" in content:
        raise ValueError("NUL is no text")
    return content.decode()
