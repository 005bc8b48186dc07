"""Texts and values kept once by the SHA-256 of their content, in SQLite, and which runs need them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from runner.record.store import statements
from runner.record.store.form import JSON, UNREADABLE, Form, compressed, expanded
from runner.record.store.large import Lost, encode
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

    def keep_for(self, number: int, apart: Mapping[str, Any]) -> None:
        """Keep the large values of a run, by its number. Each becomes text only now, and only if it is not there."""
        for hash_, value in apart.items():
            if not self._session.read(statements.HAS_BLOB, (hash_,)):
                self.keep(hash_, encode(value))
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
