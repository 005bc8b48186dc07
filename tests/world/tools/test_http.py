"""Requests against a real server that misbehaves: what they give, how they fail, where they do not go."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from runner.ground.json_value import Json
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallDone, CallFailed, Context, HttpCall, Outcome
from runner.world.tools.child_process import MAX_OUTPUT
from runner.world.tools.performers import PERFORMERS
from tests.clock import FixedClock
from tests.world.tools.performing import done, failed, in_time
from tests.world.web import LATIN, WebServer, serving


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with serving() as server:
        yield server


def ask(call: HttpCall, *network: str, timeout: float | None = None) -> Outcome:
    """Perform a request, where only `network` is permitted; this machine, unless it is given."""
    permissions = Permissions(network=frozenset(network or ("127.0.0.1",)))
    attempt = Attempt("r", "pay", "pay", "", 1, call, permissions, timeout=timeout)
    return in_time(_asked(attempt))


async def _asked(attempt: Attempt) -> Outcome:
    async with asyncio.timeout(attempt.timeout):
        return await PERFORMERS[HttpCall](attempt, Context(FixedClock(), {}))


def echoed(outcome: Outcome) -> dict[str, Any]:
    """What the server saw of a request."""
    seen: dict[str, Any] = done(outcome)["json"]
    return seen


def test_a_request_goes_out_as_it_is_written(server: WebServer) -> None:
    call = HttpCall(server.url("a?b=1"), "PUT", {"X-Mine": "ä"}, (("q", "x&y"), ("q", "2")), json=({"n": [1, None]},))
    seen = echoed(ask(call))
    assert (seen["method"], seen["path"], json.loads(seen["body"])) == ("PUT", "/a?b=1&q=x%26y&q=2", {"n": [1, None]})
    shown = {name: value for name, value in seen["headers"].items() if name != "host"}
    assert shown == {
        "user-agent": "wf",
        "accept-encoding": "gzip",
        "content-type": "application/json",
        "content-length": "16",
        "idempotency-key": "r/pay",
        "x-mine": "ä".encode().decode("latin-1"),
    }


def test_what_the_file_says_of_a_header_counts(server: WebServer) -> None:
    headers = {"idempotency-key": "mine", "content-type": "text/csv", "USER-AGENT": "me"}
    seen = echoed(ask(HttpCall(server.url("a"), "POST", headers, body="a,b")))["headers"]
    assert {name: seen[name] for name in headers if name.lower() == name} | {"agent": seen["user-agent"]} == {
        "idempotency-key": "mine",
        "content-type": "text/csv",
        "agent": "me",
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, "tool_failed"), (401, "tool_failed"), (404, "tool_failed"), (409, "tool_failed"), (500, "tool_failed")),
        *((408, "timeout"), (425, "provider_unavailable"), (429, "rate_limit"), (502, "provider_unavailable")),
        *((503, "provider_unavailable"), (504, "provider_unavailable")),
    ],
)
def test_a_status_fails_as_what_it_is(server: WebServer, status: int, kind: str) -> None:
    outcome = ask(HttpCall(server.url(f"status/{status}")))
    assert isinstance(outcome, CallFailed)
    failure = outcome.failure
    assert (failure.type, failure.retry_after) == (kind, 7.0)
    assert failure.message.startswith(f"GET {server.url(f'status/{status}')} was answered with {status} (")
    assert failure.message.endswith('): {"error": "so it is"}')
    assert (failure.details["status"], failure.details["body"]) == (status, '{"error": "so it is"}')
    assert failure.details["headers"]["retry-after"] == "7"


def test_a_status_that_is_listed_is_a_success(server: WebServer) -> None:
    output = done(ask(HttpCall(server.url("status/404"), ok_status=(404,))))
    assert (output["status"], output["json"]) == (404, {"error": "so it is"})


def text_url(server: WebServer, body: bytes, kind: str) -> str:
    return server.url(f"text?hex={body.hex()}&kind={quote(kind)}")


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (LATIN.encode("latin-1"), "text/plain; charset=ISO-8859-1", LATIN),
        (LATIN.encode("utf-16"), 'text/plain; charset="utf-16"', LATIN),
        (LATIN.encode(), "text/plain", LATIN),
        (LATIN.encode("latin-1"), "text/plain", "Gr\ufffd\ufffde"),
        (LATIN.encode(), "text/plain; charset=nonsense", LATIN),
        (b"xn--abc", "text/plain; charset=idna", "xn--abc"),
        (b"\\u0041", "text/plain; charset=unicode_escape", "\\u0041"),
        (b"QQ==", "text/plain; charset=base64", "QQ=="),
        (b"a\x00b", "text/plain", "a\x00b"),
        (b"\x89PNG\xff", "image/png", "\ufffdPNG\ufffd"),
    ],
)
def test_a_body_is_text_by_its_charset(server: WebServer, body: bytes, kind: str, text: str) -> None:
    output = done(ask(HttpCall(text_url(server, body, kind))))
    assert (output["body"], output["json"]) == (text, None)


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json; charset=utf-8", "Application/JSON"])
def test_json_is_read_where_the_server_says_that_it_is(server: WebServer, kind: str) -> None:
    assert done(ask(HttpCall(text_url(server, b'{"a": 1}', kind))))["json"] == {"a": 1}


def test_json_that_is_none_fails_and_a_schema_has_it_read_whatever_it_is_called(server: WebServer) -> None:
    said = failed(ask(HttpCall(text_url(server, b'{"a": 1, "a": 2}', "application/json"))))
    assert said == (
        "output_invalid",
        f"GET {server.url('text')}: what was sent is not JSON: the key 'a' is given twice",
    )
    schema: dict[str, Json] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    plain = HttpCall(text_url(server, b'{"a": 1.0}', "text/plain"), output_schema=schema)
    assert done(ask(plain))["json"] == {"a": 1}
    kind, message = failed(ask(HttpCall(text_url(server, b"{}", "text/plain"), output_schema=schema)))
    assert (kind, "does not fit `output_schema`: " in message) == ("output_invalid", True)
    kind, message = failed(ask(HttpCall(text_url(server, b"", "text/plain"), output_schema=schema)))
    assert (kind, message.endswith("no JSON was sent")) == ("output_invalid", True)


def test_headers_that_are_given_twice_are_joined_and_nothing_is_a_body_too(server: WebServer) -> None:
    output = done(ask(HttpCall(server.url("cookies"))))
    assert (output["status"], output["headers"]["x-many"], output["body"]) == (204, "a, b", "")
    assert done(ask(HttpCall(server.url("a"), "HEAD")))["body"] == ""


# Servers that misbehave.


@pytest.mark.parametrize("mode", ["hang", "dribble"])
def test_a_server_that_does_not_end_is_left_in_time(server: WebServer, mode: str) -> None:
    with pytest.raises(TimeoutError):
        ask(HttpCall(server.url(mode)), timeout=0.3)


def test_without_a_timeout_there_is_one_all_the_same(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.world.tools.http.CALL_TIMEOUT", 0.3)
    assert failed(ask(HttpCall(server.url("dribble")))) == (
        "timeout",
        "no end after 0.3 s; `timeout:` may give it longer",
    )


@pytest.mark.parametrize("mode", ["vanish", "cut", "cut_packed"])
def test_a_connection_that_breaks_is_the_networks(server: WebServer, mode: str) -> None:
    assert failed(ask(HttpCall(server.url(mode))))[0] == "network"


def test_nobody_who_listens_and_a_name_without_an_address_are_too(server: WebServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert failed(ask(HttpCall(url)))[0] == "network"
    kind, message = failed(ask(HttpCall("http://no.such.invalid/"), "no.such.invalid"))
    assert (kind, message.partition(":")[0]) == ("network", "host 'no.such.invalid' has no address")


def test_what_is_longer_than_its_bound_is_not_read_to_its_end(server: WebServer) -> None:
    most = MAX_OUTPUT >> 20
    assert len(done(ask(HttpCall(server.url(f"large/{most}"))))["body"]) == MAX_OUTPUT
    long = failed(ask(HttpCall(server.url(f"large/{most + 2}"))))
    assert long == ("tool_failed", f"GET {server.url(f'large/{most + 2}')}: the answer is longer than {most} MiB")
    bomb = failed(ask(HttpCall(server.url("bomb"))))
    assert bomb == ("tool_failed", f"GET {server.url('bomb')}: the answer is longer than {most} MiB")


def test_what_is_packed_is_unpacked_once_and_by_what_was_asked_for(server: WebServer) -> None:
    assert done(ask(HttpCall(server.url("packed"))))["body"] == "unpacked"
    assert failed(ask(HttpCall(server.url("not_packed"))))[0] == "output_invalid"
    for encoding in ("br", "gzip, gzip"):
        assert failed(ask(HttpCall(server.url(f"strange/{quote(encoding)}"))))[0] == "output_invalid"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (HttpCall("ftp://127.0.0.1/"), "does not begin with http"),
        (HttpCall("file:///etc/passwd"), "does not begin with http"),
        (HttpCall("/etc/passwd"), "does not begin with http"),
        (HttpCall("http://me:pass@127.0.0.1/"), "a name and password"),
        (HttpCall("http:///x"), "names no host"),
        (HttpCall("http://127.0.0.1:99999/"), "can't be used"),
        (HttpCall("http://127.0.0.1/\x00"), "can't be used"),
        (HttpCall("http://127.0.0.1/", headers={"X": "a\r\nHost: b"}), "holds a line break"),
        (HttpCall("http://127.0.0.1/", "POST", body="\ud800"), "half a surrogate pair"),
    ],
)
def test_what_can_not_be_sent_is_not(call: HttpCall, said: str) -> None:
    kind, message = failed(ask(call))
    assert (kind, said in message) == ("input_invalid", True), message


# Where a request may go.


def test_a_host_that_is_not_listed_is_not_asked(server: WebServer) -> None:
    before = len(server.asked)
    kind, message = failed(ask(HttpCall(server.url("a", "localhost")), "shop.example"))
    assert (kind, message) == (
        "permission_denied",
        f"host 'localhost:{server.server_port}' is not permitted; to allow it, add it under permissions: "
        f"network: [shop.example, 'localhost:{server.server_port}']",
    )
    assert len(server.asked) == before


@pytest.mark.parametrize("entry", ["localhost", "LocalHost.", "localhost:{port}"])
def test_localhost_is_this_machine_where_it_is_listed(server: WebServer, entry: str) -> None:
    assert done(ask(HttpCall(server.url("a", "localhost")), entry.format(port=server.server_port)))["status"] == 200


NOWHERE = "0.0.0.0"  # noqa: S104 - looked for, not listened on


def test_localhost_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, ["192.0.2.1", "8.8.8.8"])
    assert failed(ask(HttpCall("http://localhost/"), "localhost"))[0] == "permission_denied"


INNER = ["127.0.0.1", "169.254.169.254", "10.1.2.3", "192.168.0.1", "::1", "fe80::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize(
    "address", [*INNER, NOWHERE, "64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "fd00::1", "224.0.0.1"]
)
def test_a_listed_name_that_leads_inside_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, [address])
    kind, message = failed(ask(HttpCall("http://shop.example/"), "shop.example", "*.example", "localhost"))
    assert kind == "permission_denied"
    assert "an address that is not of the internet: such a one must be listed itself" in message


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::ffff:127.0.0.1]", "[::1]"]
)
def test_no_spelling_of_an_address_gets_by(server: WebServer, host: str) -> None:
    before = len(server.asked)
    url = server.url("a", host)
    assert failed(ask(HttpCall(url), "*.example", "shop.example"))[0] in {"permission_denied", "input_invalid"}
    if not host.startswith("["):  # as the name that it is
        assert failed(ask(HttpCall(url), host))[0] in {"permission_denied", "input_invalid"}
    assert len(server.asked) == before


def test_a_name_that_leads_inside_may_where_the_address_is_listed(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(monkeypatch, ["127.0.0.1"])
    url = server.url("a", "wiki.corp")
    kind, message = failed(ask(HttpCall(url), "wiki.corp"))
    assert message.endswith("to allow it, add it under permissions: network: [wiki.corp, 127.0.0.1]")
    assert echoed(ask(HttpCall(url), "wiki.corp", "127.0.0.1"))["headers"]["host"] == f"wiki.corp:{server.server_port}"
    assert failed(ask(HttpCall(url), "127.0.0.1"))[0] == kind == "permission_denied"


def test_a_name_that_leads_elsewhere_a_moment_later_gains_nothing(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked up once for a connection: what was checked is what is connected to."""
    asked = lead(monkeypatch, ["192.0.2.1"], ["127.0.0.1"])
    before = len(server.asked)
    assert failed(ask(HttpCall(server.url("a", "shop.example")), "shop.example"))[0] == "permission_denied"
    assert (asked, len(server.asked)) == (["shop.example"], before)
    asked = lead(monkeypatch, ["127.0.0.1"], ["192.0.2.1"])
    assert done(ask(HttpCall(server.url("a", "shop.example")), "shop.example", "127.0.0.1"))["status"] == 200
    assert asked == ["shop.example"]


def test_of_several_addresses_the_permitted_are_tried(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, ["10.0.0.1", "127.0.0.9", "127.0.0.1"])
    url = server.url("a", "shop.example")
    assert done(ask(HttpCall(url), "shop.example", "127.0.0.9", "127.0.0.1"))["status"] == 200


def lead(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names lead to these addresses: the first answer at first, then the next. Gives the names asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name.replace(".", "").isdigit() or ":" in name:
            return real(host, port, *args, **named)
        asked.append(name)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return asked


# Redirects.


def to(server: WebServer, where: str, status: int = 302) -> str:
    return server.url(f"to/{status}?where={quote(where, safe='')}")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("http://evil.example/", "host 'evil.example' is not permitted"),
        ("http://169.254.169.254/latest/meta-data", "host '169.254.169.254' is not permitted"),
        ("http://[::1]/", "host '[::1]' is not permitted"),
        ("http://2130706433/", "host '2130706433' is not permitted"),
        ("//evil.example/", "host 'evil.example' is not permitted"),
    ],
)
def test_a_redirect_passes_the_same_gate(server: WebServer, where: str, said: str) -> None:
    kind, message = failed(ask(HttpCall(to(server, where))))
    assert (kind, said in message) == ("permission_denied", True), message
    assert " is redirected to " in message


def test_a_redirect_to_a_name_that_leads_inside_is_refused(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, ["127.0.0.2"])
    outcome = ask(HttpCall(to(server, server.url("a", "shop.example"))), "127.0.0.1", "shop.example")
    assert failed(outcome)[0] == "permission_denied"


@pytest.mark.parametrize("where", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://me:x@127.0.0.1/", "http://a:b"])
def test_a_redirect_to_no_address_of_the_web_fails(server: WebServer, where: str) -> None:
    assert failed(ask(HttpCall(to(server, where))))[0] == "tool_failed"


def test_a_redirect_without_end_is_followed_five_times(server: WebServer) -> None:
    before = len(server.asked)
    assert failed(ask(HttpCall(server.url("round"))))[1].endswith("is redirected more than 5 times")
    assert len(server.asked) == before + 6


def test_to_the_same_server_all_goes_on(server: WebServer) -> None:
    call = HttpCall(to(server, "/a?x=1", 307), "POST", {"Authorization": "Bearer t"}, body="sent")
    seen = echoed(ask(call))
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/a?x=1", "sent")
    assert (seen["headers"]["authorization"], seen["headers"]["idempotency-key"]) == ("Bearer t", "r/pay")
    seen = echoed(ask(HttpCall(to(server, "/a", 303), "POST", {"Authorization": "Bearer t"}, body="sent")))
    assert (seen["method"], seen["body"], "content-type" in seen["headers"]) == ("GET", "", False)
    assert seen["headers"]["authorization"] == "Bearer t"


def test_to_another_server_goes_nothing_that_was_meant_for_this_one(server: WebServer) -> None:
    with serving() as other:
        headers = {"Authorization": "Bearer t", "X-Api-Key": "k", "Cookie": "c"}
        seen = echoed(ask(HttpCall(to(server, other.url("a")), "GET", headers)))
        assert seen["headers"] == {"user-agent": "wf", "accept-encoding": "gzip", "host": other.host}
        kind, message = failed(ask(HttpCall(to(server, other.url("b"), 308), "POST", headers, json=(1,))))
        assert (kind, "what is sent goes to no other host" in message) == ("tool_failed", True)
        assert [asked.path for asked in other.asked] == ["/a"]


def test_no_key_of_the_environment_and_no_file_of_the_home_reaches_a_server(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Row S16: nothing that is there for others goes along: keys, `.env`, `.netrc`, proxies."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password canary-netrc\n")
    (tmp_path / ".env").write_text("OPENAI_API_KEY=canary-env\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "OPENAI_API_KEY": "canary-key",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    seen = echoed(ask(HttpCall(server.url("a"))))
    assert "canary" not in json.dumps(seen)


def test_a_done_call_is_plain_json(server: WebServer) -> None:
    outcome = ask(HttpCall(server.url("a")))
    assert isinstance(outcome, CallDone)
    assert json.loads(json.dumps(outcome.output)) == outcome.output
