"""A message with files as providers take it: a list of parts, in the form that OpenAI gave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from runner.ground.json_value import Json


def parts_of(message: Mapping[str, Json]) -> dict[str, Json]:
    """The message with its text and its files as parts of its content."""
    rest = {key: value for key, value in message.items() if key != "files"}
    return {**rest, "content": [_text(message["content"]), *map(_part, message["files"])]}


def _part(file: Mapping[str, Json]) -> dict[str, Json]:
    if "text" in file:
        return _text(f"File {file['path']}:\n{file['text']}")
    address = f"data:{file['type']};base64,{file['data']}"
    if file["type"].startswith("image/"):
        return {"type": "image_url", "image_url": {"url": address}}
    return {"type": "file", "file": {"filename": PurePath(file["path"]).name, "file_data": address}}


def _text(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}
