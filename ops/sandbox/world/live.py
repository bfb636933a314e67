"""The world going on: members register and pay, and now and then a person corrects an error.

In: the address of Membri's admin port, a seed, how many registrations. Out: rows in Membri, one
registration at a time; a registration that is already there (from before a restart) is left alone.
The same seed makes the same members.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ops.sandbox.world.build import DEFAULT_SYSTEMS, chance, chapters
from ops.sandbox.world.company import Company
from ops.sandbox.world.membri_rows import STATUS, Desk, Row, empty_rows
from ops.sandbox.world.ordinary import TYPES, bill
from ops.sandbox.world.scene import Scene
from ops.sandbox.world.traits import traits_of

LOG = logging.getLogger(__name__)
TABLES = ("accounts", "invoices", "invoicedetails")
CORRECTION_EVERY = 3
FIRST_NUMBER = 70_000
"""Above the numbers of every seeded world, so that no document number is used twice."""


@dataclass
class Registration:
    """A new member: `rows` come at once, `payments` one step later."""

    account_id: str
    rows: dict[str, list[Row]]
    payments: list[Row]


def registrations(
    seed: int, count: int, systems: Sequence[str] = DEFAULT_SYSTEMS
) -> Iterator[Registration]:
    """That many new members, in turn of each chapter."""
    scenes = []
    for chapter in chapters(systems):
        rng = chance(f"{seed}/live/{chapter.slug}")
        prefix = f"{chapter.prefix}L"
        desk = Desk(chapter.slug, chapter.id, prefix, rng, empty_rows(), numbers=FIRST_NUMBER)
        traits = traits_of(chapter.system)
        company = Company(chapter.company, chapter.name, dt.date.min, traits)
        scenes.append(Scene(desk, company, rng))
    for number in range(count):
        scene = scenes[number % len(scenes)]
        scene.desk.rows = empty_rows()
        account = scene.member(f"{scene.name()} (inscription {number + 1})")
        bill(scene, account, TYPES[number % len(TYPES)])
        rows = scene.desk.rows
        for row in (row for table in rows.values() for row in table):
            # Membri gives a new row the present moment: a poll must find it by that.
            row.pop("createdon", None)
            row.pop("modifiedon", None)
        yield Registration(
            account["accountid"], {name: rows[name] for name in TABLES}, rows["membri_payments"]
        )


def correction(accounts: list[Row], invoices: list[Row], today: dt.date) -> dict[str, Any] | None:
    """What a person would put right next, as an order of the admin port; None when nothing."""
    again = {"membri_syncstatus": STATUS["to_transfer"]}
    for row in accounts:
        if row["membri_syncstatus"] == STATUS["transfer_error"] and ":" in row["name"]:
            name = row["name"].replace(" :", ",").replace(":", ",")
            return {"table": "account", "id": row["accountid"], "set": {"name": name, **again}}
        if not row["membri_newaccountforsync"] and not row["membri_syncreference"]:
            flag = {"membri_newaccountforsync": True, **again}
            return {"table": "account", "id": row["accountid"], "set": flag}
    for row in invoices:
        if row["membri_syncstatus"] != STATUS["transfer_error"]:
            continue
        changes: dict[str, Any] = {}
        if len(row["invoicenumber"] or "") > 21:
            changes = {"invoicenumber": row["invoicenumber"][:21]}
        elif (row["membri_invoicedate"] or "") < "2026-01-01":
            changes = {"membri_invoicedate": today.isoformat()}
        if changes:
            return {"table": "invoice", "id": row["invoiceid"], "set": {**changes, **again}}
    return None


class Members(threading.Thread):
    """Goes on until everybody registered or `stop` is set. `interval_s`: between two steps."""

    def __init__(
        self,
        admin_url: str,
        seed: int,
        count: int,
        interval_s: float,
        systems: Sequence[str] = DEFAULT_SYSTEMS,
    ) -> None:
        super().__init__(name="members", daemon=True)
        self._systems = systems
        self._admin = Admin(admin_url)
        self._seed = seed
        self._count = count
        self._interval_s = interval_s
        self.stop = threading.Event()

    def run(self) -> None:
        late: list[Row] = []
        for number, one in enumerate(registrations(self._seed, self._count, self._systems), 1):
            if self.stop.wait(self._interval_s):
                return
            try:
                late = self._step(number, one, late)
            except (OSError, ValueError) as error:
                LOG.warning("the live world skips a step: %s", error)
        if late and not self.stop.wait(self._interval_s):
            self._admin.send("/seed", {"membri_payments": late})

    def _step(self, number: int, one: Registration, late: list[Row]) -> list[Row]:
        """One registration, the payments of the one before; the payments for the next step."""
        if late:
            self._admin.send("/seed", {"membri_payments": late})
        accounts = self._admin.rows("account")
        if number % CORRECTION_EVERY == 0:
            order = correction(
                accounts, self._admin.rows("invoice"), dt.datetime.now(dt.UTC).date()
            )
            if order:
                self._admin.send("/person", order)
        if any(row["accountid"] == one.account_id for row in accounts):
            paid = {row["membri_paymentid"] for row in self._admin.rows("membri_payment")}
            return [row for row in one.payments if row["membri_paymentid"] not in paid]
        self._admin.send("/seed", one.rows)
        return one.payments


class Admin:
    """An admin port on loopback. Raises OSError (no whole answer), ValueError (refused)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port

    def rows(self, table: str) -> list[Row]:
        """Every row of a table, as kept."""
        found: list[Row] = self._call("GET", f"/rows/{table}", None)
        return found

    def send(self, path: str, body: Any) -> Any:
        return self._call("POST", path, body)

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def _call(self, method: str, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            content = None if body is None else json.dumps(body, default=_text)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise ValueError(f"{path}: {answer.status} {text[:200].decode(errors='replace')}")
            return json.loads(text)
        except http.client.HTTPException as error:
            raise ConnectionError(f"{path}: {type(error).__name__}") from error
        finally:
            connection.close()


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no JSON form")
