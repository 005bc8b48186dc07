"""Foreign text made fit to be shown: harmless for a terminal, which it may not steer, and cut to a bound."""

from __future__ import annotations

import json
import re

_LINE_END = "\n"
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\x9d]{0,4096}+(?:\x07|\x1b\\|\x9c)"
)
"""A whole control sequence: what colours, moves the cursor, sets the title."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""C0 but newline and tab, DEL, C1."""

_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What is not seen: of no width, tags, selectors of variants, what turns the direction, separators of lines."""

_SEEN = rf"[^\x00-\x7f{_UNSEEN}]"
_UNNEEDED = {
    # joins an emoji, or letters
    "\u200d": re.compile(rf"\u200d(?:(?<!{_SEEN}\u200d)(?<!{_SEEN}\ufe0f\u200d)|(?!{_SEEN}))"),
    # parts letters, as Persian has to
    "\u200c": re.compile(rf"\u200c(?:(?<!{_SEEN}\u200c)|(?!{_SEEN}))"),
    # an emoji's form
    "\ufe0e": re.compile(rf"\ufe0e(?<!{_SEEN}\ufe0e)"),
    # the same, or a key's
    "\ufe0f": re.compile(rf"\ufe0f(?<!{_SEEN}\ufe0f)(?:(?<![0-9#*]\ufe0f)|(?!\u20e3))"),
}
"""The invisible characters that writing needs, each where it does not need them."""

_NEVER_NEEDED = re.compile(rf"(?![{''.join(_UNNEEDED)}])[{_UNSEEN}]")

_IN_JSON = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_UNSEEN}]")

_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\n\t"

_COMMAND = re.compile(r"^([^\S\n]*:)(?=:)|(#)(?=#(?:vso)?\[)", re.MULTILINE)
"""Where lines become commands of a CI's runner: `::` at the beginning after blanks, `##[` and `##vso[` anywhere."""


def plain(text: str) -> str:
    """The text without control characters, and with invisible ones as `<U+200B>`; newlines and tabs stay.

    Joiners and selectors stay where emoji and scripts need them.
    """
    if _is_printable(text):
        return text
    return _made_visible(_CONTROLS.sub("", _SEQUENCE.sub("", text)))


def _is_printable(text: str) -> bool:
    """Whether all of it is printable ASCII, newlines and tabs: most text is, and the patterns take long with much."""
    return text.isascii() and not text.encode().translate(None, _PRINTABLE)


def _made_visible(text: str) -> str:
    """The text with its invisible characters shown. No function is called for each: there may be millions."""
    for sign, unneeded in _UNNEEDED.items():
        text = unneeded.sub(_shown(sign), text)
    return text.translate({ord(sign): _shown(sign) for sign in set(text) if _NEVER_NEEDED.match(sign)})


def _shown(sign: str) -> str:
    return f"<U+{ord(sign):04X}>"


def commanding_nothing(text: str) -> str:
    """The text with a blank in what the runner of GitHub Actions, or of Azure, would take for a command of its own."""
    return _COMMAND.sub(r"\g<0> ", text) if _may_command(text) else text


def _may_command(text: str) -> bool:
    return "::" in text or "##" in text


def one_line(text: str, longest: int = 100) -> str:
    """The text on one line, cut to `longest` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def counted(number: int, what: str) -> str:
    """A number of things, in words: `1 step`, `2 steps`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def head(text: str, limit: int) -> str:
    """At most `limit` characters of foreign text, of whole words: half a secret could not be masked any more."""
    return text if len(text) <= limit else f"{_without_last_word(text[:limit])}…"


def tail(text: str, limit: int) -> str:
    """At most the last `limit` characters of foreign text, of whole lines."""
    return text if len(text) <= limit else f"…\n{text[-limit:].partition(_LINE_END)[2]}"


def last_line(text: str, limit: int = 500) -> str:
    """The last line that is not blank, cut by `head`: what a message quotes of foreign text."""
    return head(text.rstrip().rpartition(_LINE_END)[2].strip(), limit)


def _without_last_word(text: str) -> str:
    return text[: max(text.rfind(" "), text.rfind(_LINE_END)) + 1]


def harmless_json(text: str) -> str:
    """JSON text that means the same and steers nothing: its strings have such characters, and `##[`, as escapes."""
    escaped = text if _is_printable(text) else text.translate(_escapes(text))
    if not _may_command(escaped):
        return escaped
    return _COMMAND.sub(lambda found: "\\u0023" if found[2] else found.group(), escaped)


def _escapes(text: str) -> dict[int, str]:
    """How JSON writes those of a text's characters that are not to be shown: each is looked at once."""
    return {ord(letter): json.dumps(letter)[1:-1] for letter in set(text) if _IN_JSON.match(letter)}


def is_text(text: str) -> bool:
    """Whether it is Unicode text: what was no UTF-8 on its way in has halves of characters in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
