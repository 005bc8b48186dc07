"""Texts and values kept once by the SHA-256 of their content, in SQLite, and which runs need them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from runner.record.store import statements
from runner.record.store.form import JSON, UNREADABLE, Form, compressed, expanded
from runner.record.store.large import Lost
from runner.record.store.session import Session


class Blobs:
    """The blobs of one database."""

    def __init__(self, session: Session, form: Form) -> None:
        self._session = session
        self._form = form

    def keep(self, hash_: str, content: bytes) -> None:
        """Keep content under its hash, once. Within a transaction that has written before."""
        if not self._session.read(statements.HAS_BLOB, (hash_,)):
            added, data = compressed(content, self._form)
            self._session.write(statements.INSERT_BLOB, (hash_, JSON + added, data))

    def keep_for(self, number: int, apart: Mapping[str, bytes]) -> None:
        """Keep the large values of a run, by its number."""
        for hash_, content in apart.items():
            self.keep(hash_, content)
            self._session.write(statements.INSERT_RUN_BLOB, (number, hash_))

    def fetch(self, hash_: str) -> bytes:
        """The content of that hash. Raises Lost."""
        rows = self._session.read(statements.BLOB, (hash_,))
        if not rows:
            raise Lost(hash_, "missing")
        format_, data = rows[0]
        try:
            content = expanded(format_ - JSON, data)
            whole = sha256(content).hexdigest() == hash_
        except UNREADABLE as error:
            raise Lost(hash_, "damaged") from error
        if not whole:
            raise Lost(hash_, "damaged")
        return content
