"""Text that is streamed shows no secret, wherever it is cut into pieces."""

from __future__ import annotations

from base64 import encodebytes

from hypothesis import given
from hypothesis import strategies as some

from runner.world.secrets import Secrets
from runner.world.secrets.streams import Streams

KEY = "open-sesame/42\nand-more"


@given(some.sampled_from([KEY, encodebytes(KEY.encode()).decode(), KEY.encode().hex(":")]), some.data())
def test_a_secret_that_comes_in_pieces_is_masked(form: str, data: some.DataObject) -> None:
    text = f"{'before ' * 60}{form}{' after' * 60}"
    cuts = sorted(data.draw(some.lists(some.integers(0, len(text)), max_size=20)))
    known, shown = Secrets("n", {"key": KEY}), list[tuple[str, str]]()
    streams = Streams(known, lambda step, piece: shown.append((step, piece)))
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        streams.piece("a", text[start:end])
    streams.end("a")
    assert "".join(piece for _, piece in shown) == known.shown(text)
    assert {step for step, _ in shown} == {"a"}


def test_without_secrets_each_piece_is_shown_at_once() -> None:
    shown: list[str] = []
    streams = Streams(Secrets("n", {}), lambda _step, piece: shown.append(piece))
    streams.piece("a", "one ")
    streams.piece("a", "two")
    assert shown == ["one ", "two"]
