"""Secrets in a text: masked in every form that gives them away, and put back by references that nobody can forge."""

from __future__ import annotations

import html
import json
import re
import shlex
import textwrap
import time
from base64 import b32encode, b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.language.secret_text import in_json
from runner.world.secrets import CutReference, Secrets
from runner.world.secrets.forms import lines, said_forms
from runner.world.secrets.references import References

PEM = "-----BEGIN KEY-----\nMIIEow==/+?1234567\nx\n-----END KEY-----\n"
ODD = "naïve key 😀 \\n of 100%2F & 'more' \"than\" $one"
PLAIN = "s3cr3t/Value+42"


def secrets(**values: str) -> Secrets:
    return Secrets("n", values)


def on_paper(known: Secrets, value: Json) -> Json:
    return known.to_paper(known.mask(value))


def in_lines(text: str, width: int, end: str = "\n") -> str:
    return end.join(text[at : at + width] for at in range(0, len(text), width))


def base64_after(before: str, key: str, encode: Callable[[bytes], bytes] = b64encode) -> str:
    return encode(f"{before}{key}!".encode()).decode()


EXACT: dict[str, Callable[[str], str]] = {
    "itself": str,
    "JSON": lambda key: json.dumps({"a": [key]}),
    "JSON as it is": lambda key: json.dumps(key, ensure_ascii=False),
    "JSON for a script": lambda key: json.dumps(key).replace("/", "\\/"),
    "Python": repr,
    "part of an address": lambda key: quote(key, safe=""),
    "path of an address": quote,
    "form": quote_plus,
    "part of an address in small letters": lambda key: re.sub("%..", lambda sign: sign[0].lower(), quote(key, safe="")),
    "HTML": html.escape,
    "shell": shlex.quote,
    "hex": lambda key: key.encode().hex(),
    "hex in capitals": lambda key: key.encode().hex().upper(),
    **{f"Base64 after {before!r}": partial(base64_after, before) for before in ("", "1", "12")},
    **{
        f"Base64 of addresses after {before!r}": partial(base64_after, before, encode=urlsafe_b64encode)
        for before in ("", "1", "12")
    },
    "Base32": lambda key: b32encode(key.encode()).decode(),
}
"""Forms that are put back just as they were."""

ROUGH: dict[str, Callable[[str], str]] = {
    "trimmed": str.strip,
    "JSON in JSON": lambda key: json.dumps([json.dumps(json.dumps(key))]),
    "a whole address": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "an address in an address": lambda key: quote(quote(key)),
    "as a browser does": lambda key: quote(key, safe="!~*'()"),
    "JSON in an address": lambda key: quote(json.dumps(key), safe=""),
    "entities": lambda key: "".join(f"&#{ord(sign)};" for sign in key),
    "entities in hex": lambda key: "".join(f"&#x{ord(sign):04X};" for sign in key),
    "backslashes": lambda key: re.sub(r"([^\w\n])", r"\\\1", key),
    "dollar quotes": lambda key: "$'" + key.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'",
    "bytes": lambda key: "".join(f"\\x{byte:02x}" for byte in key.encode()),
    "octal": lambda key: "".join(f"\\{byte:03o}" for byte in key.encode()),
    "hex with colons": lambda key: key.encode().hex(":"),
    "hex in lines": lambda key: in_lines(key.encode().hex(" "), 48),
    "an array of C": lambda key: ", ".join(f"0x{byte:02X}" for byte in key.encode()),
    "Base64 after a user, in lines": lambda key: encodebytes(b"user:" + key.encode()).decode(),
    "Base64 in short lines, indented": lambda key: in_lines(b64encode(key.encode()).decode(), 16, "\r\n  "),
    "Base64 in lines in JSON": lambda key: json.dumps(in_lines(b64encode(key.encode()).decode(), 64)),
    "Base64 in an address": lambda key: quote(b64encode(key.encode()), safe=""),
    "Base32 in lines": lambda key: in_lines(b32encode(key.encode()).decode(), 20),
    "line ends of Windows": lambda key: key.replace("\n", "\r\n"),
    "indented": lambda key: textwrap.indent(key, "    "),
    "joined": lambda key: key.replace("\n", " "),
    "lines of one": lambda key: in_lines(key, 1),
    "lines of seven": lambda key: in_lines(key, 7),
    "lines of 40 in JSON": lambda key: json.dumps(in_lines(key, 40)),
}
"""Forms of which only what they say is put back."""


@pytest.mark.parametrize("key", [PEM, ODD, PLAIN])
@pytest.mark.parametrize("form", EXACT)
def test_a_form_that_programs_write_is_masked_and_put_back(form: str, key: str) -> None:
    known, written = secrets(key=key), EXACT[form](key)
    masked = known.mask(f"before {written}; after")
    assert len(known.to_paper(masked)) < len("before ; after⟦secret:key.base64-0-url:n⟧") + 16
    assert known.reveal(masked) == f"before {written}; after"


@pytest.mark.parametrize("key", [PEM, ODD, PLAIN])
@pytest.mark.parametrize("form", ROUGH)
def test_a_secret_is_masked_however_it_is_written_down(form: str, key: str) -> None:
    known, written = secrets(key=key), ROUGH[form](key)
    masked = known.to_paper(known.mask(f"before: {written}; after"))
    assert re.fullmatch(r"before: [^⟦]{0,12}⟦secret:key[.\w-]*:n⟧[^⟦]{0,14}; after", masked, re.DOTALL)


def test_the_lines_of_a_secret_are_masked_alone_but_for_short_ones() -> None:
    known = secrets(key=PEM)
    assert on_paper(known, "MIIEow==/+?1234567") == "⟦secret:key.line-2:n⟧"
    assert on_paper(known, "one\nx\n") == "one\nx\n"


def test_a_secret_of_hexadecimal_digits_is_masked_however_they_are_separated() -> None:
    known = secrets(key="01234567-89ab-cdef-0123-456789abcdef")
    assert on_paper(known, "is 0123456789ABCDEF 01:23:45:67:89:ab:cd:ef.") == "is ⟦secret:key:n⟧."


def test_a_secret_that_is_spread_over_a_list_is_masked() -> None:
    assert on_paper(secrets(key=PLAIN), ["a", PLAIN[:5], PLAIN[5:], "b"]) == ["a", "⟦secret:key:n⟧", "", "b"]


def test_a_number_that_is_a_secret_is_masked_but_no_list_of_digits() -> None:
    known = secrets(pin="12345678")
    assert on_paper(known, {"pin": 12345678}) == {"pin": "⟦secret:pin:n⟧"}
    assert on_paper(known, [1, 2, 3, 4, 5, 6, 7, 8, None, True]) == [1, 2, 3, 4, 5, 6, 7, 8, None, True]


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    both = secrets(short="abcdefgh", long="abcdefgh-and-more")
    masked = on_paper(both, ["abcdefgh-and-more", {"abcdefgh": 1}])
    assert masked == ["⟦secret:long:n⟧", {"⟦secret:short:n⟧": 1}]


def test_what_is_left_of_a_secret_that_was_cut_is_masked_in_messages() -> None:
    known = secrets(key=PLAIN)
    said = known.to_paper(known.mask_parts([f"can't use {PLAIN[:-4]}…", "s3cr3t", f"…{PLAIN[3:]}{PLAIN[:8]}"]))
    assert said == ["can't use ⟦secret:key:n⟧…", "s3cr3t", "…⟦secret:key:n⟧⟦secret:key:n⟧"]


def test_a_reference_is_not_masked_again() -> None:
    one = secrets(word="secret:word")
    masked = one.mask("is secret:word")
    assert one.mask(masked) == masked


def test_what_is_too_short_would_mask_ordinary_text() -> None:
    with pytest.raises(UsageError, match="secret input 'pin' is shorter than 8 characters"):
        secrets(pin="1234567")
    assert secrets(pin="").mask("text") == "text"
    assert secrets(lines="one\ntwo\nthree").mask("one two") == "one two"


@given(some.text('aß+/=\\"\n ', min_size=8, max_size=20), some.text('aß+/=\\"\n ', max_size=60))
def test_masked_text_holds_no_secret(secret: str, text: str) -> None:
    one = secrets(token=secret)
    assert secret not in one.mask(f"{text}{secret}{text}")


SIGNS = "abcXYZ0189/=@:!<>-_\"'"


@given(some.text(SIGNS, min_size=8, max_size=40), some.sampled_from([*EXACT, *ROUGH]), some.text(SIGNS, max_size=20))
def test_no_form_of_any_secret_stays(secret: str, form: str, before: str) -> None:
    assume(len(re.sub("[\"']", "", secret)) >= 8)
    written = (EXACT | ROUGH)[form](secret)
    assert written not in secrets(token=secret).mask(f"{before} {written}")


@given(
    some.recursive(
        some.text("⟦=secret:tok.n⟧x", max_size=40),
        lambda inner: some.lists(inner) | some.dictionaries(some.text("⟦:n⟧"), inner),
    )
)
def test_foreign_text_comes_back_from_paper_as_it_was_and_is_no_reference(text: Json) -> None:
    known = secrets(tok="open-sesame")
    written = known.to_paper(["⟦secret:tok:n⟧", text])
    assert known.from_paper(written) == ["⟦secret:tok:n⟧", text]
    assert known.reveal(known.from_paper(written)) == ["⟦secret:tok:n⟧", text]


def test_the_next_process_finds_a_reference_again_and_foreign_text_beside_it() -> None:
    first, second = secrets(tok="open-sesame"), secrets(tok="open-sesame")
    mixed = f"{first.reference('tok')} ⟦secret:tok:n⟧ ⟦==secret:tok.hex:n⟧"
    written = first.to_paper(mixed)
    assert written == "⟦secret:tok:n⟧ ⟦=secret:tok:n⟧ ⟦===secret:tok.hex:n⟧"
    assert second.reveal(second.from_paper(written)) == "open-sesame ⟦secret:tok:n⟧ ⟦==secret:tok.hex:n⟧"
    assert second.reveal(mixed) == mixed
    assert second.to_paper(first.reference("tok")) == first.reference("tok")


def test_nothing_of_a_cut_reference_is_recorded_or_passed_on() -> None:
    known = secrets(tok="open-sesame")
    whole = known.reference("tok")
    nonce = whole[-9:-1]
    for cut in (whole[:-1], nonce, nonce[3], whole.replace("tok", "two")):
        assert not set(nonce) & set(known.to_paper(cut))
        with pytest.raises(CutReference):
            known.reveal(cut)


def test_a_long_text_is_masked_in_time() -> None:
    key = "\n".join(b64encode(bytes([line]) * 48).decode() for line in range(48))
    text = "some words of a log, and no secret in any line of it\n" * (8 << 20 >> 6)
    known = secrets(key=key)
    began = time.process_time()
    assert len(known.mask(text + in_lines(key, 40))) < len(text) + 60
    assert time.process_time() - began < 5


def test_text_is_recorded_as_it_is_where_no_secret_was_used() -> None:
    assert References("nonce").to_paper({"a": ["Käse", "⟦secret:a:b⟧"]}) == {"a": ["Käse", "⟦secret:a:b⟧"]}


def test_a_secret_that_says_little_without_blanks_and_quotes_is_not_found_in_ordinary_text() -> None:
    assert secrets(phrase="'a' 'b' 'c'").mask("abc, and a b c") == "abc, and a b c"


def test_what_reads_as_a_secret_with_blanks_around_it_is_that_without_them() -> None:
    assert next(said_forms(" blanks-around "))[0] == "trimmed"
    assert next(said_forms("no-blanks"))[0] == ""


def test_a_line_of_a_secret_counts_from_its_shortest_length_on() -> None:
    assert list(lines("12345678\n1234567\n 1234567 \nabcdefgh")) == [("line-1", "12345678"), ("line-4", "abcdefgh")]


def test_a_secret_of_blanks_and_little_else_masks_no_ordinary_text() -> None:
    known = secrets(phrase="   a b   ")
    assert known.mask("an a b c, and a b") == "an a b c, and a b"
    assert known.mask("<   a b   >") != "<   a b   >"


def test_what_is_no_text_stays_beside_a_secret() -> None:
    assert on_paper(secrets(key=PLAIN), [None, True, PLAIN, 7, -2.5, {"a": False}]) == [
        None, True, "⟦secret:key:n⟧", 7, -2.5, {"a": False},
    ]  # fmt: skip


def test_a_secret_beside_text_of_all_control_characters_is_masked() -> None:
    controls = "".join(map(chr, range(0x20)))
    assert on_paper(secrets(key=PLAIN), [controls, f"is {PLAIN}"]) == [controls, "is ⟦secret:key:n⟧"]


def test_a_reference_within_json_is_put_back_as_json_writes_it() -> None:
    for key in (PLAIN, ODD, PEM):
        known = secrets(key=key)
        assert known.reveal(in_json(known.reference("key"))) == json.dumps(key, ensure_ascii=False)[1:-1]


def test_parts_of_a_long_secret_are_looked_for_up_to_a_bound() -> None:
    key = "".join(f"{number:05x}" for number in range(20_000))
    known = secrets(key=key)
    last = (1 << 16) - 1
    assert known.to_paper(known.mask_parts(f"…{key[last : last + 8]}…")) == "…⟦secret:key:n⟧…"
    assert known.mask_parts(f"…{key[last + 1 : last + 9]}…") == f"…{key[last + 1 : last + 9]}…"


def test_a_secret_that_says_little_without_quotes_is_not_found_among_escapes() -> None:
    assert secrets(key='""""""%41').mask("%41 is A in an address") == "%41 is A in an address"


def test_a_line_that_says_little_without_blanks_is_masked_as_it_stands_and_put_back() -> None:
    known = secrets(key="the first line of it\n1 2 3 4 5\n")
    for line, masked in (("the first line of it", "⟦secret:key.line-1:n⟧"), ("1 2 3 4 5", "⟦secret:key.line-2:n⟧")):
        assert on_paper(known, f"say {line}.") == f"say {masked}."
        assert known.reveal(known.mask(f"say {line}.")) == f"say {line}."
    assert known.mask("12345") == "12345"


def test_a_text_that_is_no_more_than_what_a_secret_says_is_masked() -> None:
    assert on_paper(secrets(key="'abcdef'"), "abcdef") == "⟦secret:key:n⟧"
    assert on_paper(secrets(key='""""""日本'), "日本") == "⟦secret:key:n⟧"


def test_what_looks_like_an_escape_is_found_though_a_line_ends_in_it() -> None:
    assert on_paper(secrets(key='"ab%41c"'), "is ab%4\n1c.") == "is ⟦secret:key:n⟧."
    assert on_paper(secrets(key=" ab%41cd "), "is ab%4\n1cd.") == "is ⟦secret:key.trimmed:n⟧."


def test_a_line_of_the_shortest_length_is_masked_though_it_is_wrapped() -> None:
    assert on_paper(secrets(key="and another line\nabcdefgh"), "is abcd\nefgh.") == "is ⟦secret:key.line-2:n⟧."


def test_nothing_of_a_secret_stays_before_what_an_address_escapes() -> None:
    assert on_paper(secrets(key=PLAIN), "to s3cr3t%2fValue%2b42.") == "to ⟦secret:key.url-lower:n⟧."
