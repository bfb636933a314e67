"""What the handlers of one simulated environment share: rows, options, model, tokens, offences."""

from __future__ import annotations

import json
import secrets

from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Store
from ops.sandbox.membri.errors import Refusal, no_privilege
from ops.sandbox.membri.metadata import Model, Table, build_model
from ops.sandbox.membri.options import OptionsBox
from ops.sandbox.membri.paging import Tokens
from ops.sandbox.membri.predicates import Compiler
from ops.sandbox.membri.rows import Rows


class Environment:
    def __init__(self, store: Store, options: OptionsBox) -> None:
        self.store = store
        self.options = options
        self.offences = Offences(store)
        self._model: tuple[str, Model] | None = None
        self.secret = _lasting_secret(store)
        self.tokens = Tokens(self.secret)
        self.rows = Rows(store, options, lambda: self.model)
        self._seen: list[tuple[str, str, str, str]] = []

    @property
    def model(self) -> Model:
        """The model as the options now have it."""
        current = self.options.current
        deviations = (current.missing_columns, current.without_concurrency, current.max_lengths)
        key = json.dumps([*deviations, current.without_change_tracking])
        if self._model is None or self._model[0] != key:
            model = build_model(
                missing_columns=current.missing_columns,
                without_concurrency=current.without_concurrency,
                without_change_tracking=current.without_change_tracking,
                max_lengths=current.max_lengths,
            )
            self._model = (key, model)
        return self._model[1]

    def compiler(self) -> Compiler:
        return Compiler(self.model, self.rows)

    def require(self, table: Table, verb: str) -> None:
        """Raises Refusal (403) when the application user's role lacks `verb`: Read or Write."""
        forbidden = self.options.current.forbidden.get(table.name, "")
        if forbidden == "all" or forbidden == verb.lower():
            raise no_privilege(table.name, verb)

    def note(self, code: str, detail: str, method: str = "", path: str = "") -> None:
        """Remembers an offence; `keep_notes` writes it, so that a rollback cannot take it back."""
        self._seen.append((code, detail, method, path))

    def note_refusal(self, refusal: Refusal, method: str, path: str) -> None:
        if refusal.offence:
            self.note(refusal.offence, refusal.message, method, path)

    def keep_notes(self) -> None:
        for code, detail, method, path in self._seen:
            self.offences.add(code, detail, method=method, path=path)
        self._seen.clear()


def _lasting_secret(store: Store) -> bytes:
    kept = store.get("_secret", "signing")
    if kept is None:
        kept = {"value": secrets.token_hex(32)}
        store.put("_secret", "signing", kept)
    return bytes.fromhex(kept["value"])
