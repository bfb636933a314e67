"""A running simulated Membri over TLS, with a raw HTTP client and its admin port, for tests."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from ops.sandbox.kernel.serving import Served, running
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import Certificate, loopback_certificate
from ops.sandbox.membri import membri_system
from ops.sandbox.membri.system import DEFAULT_TENANT

CLIENT_ID = "0f7d1b1e-2f0e-4b6e-9f0e-3a5f0f6f2b11"
CLIENT_SECRET = "dummy-secret-of-the-sandbox"
TO_TRANSFER, TRANSFERRED, IN_ERROR = 100_000_001, 100_000_002, 100_000_003
ROOT = "/api/data/v9.2/"


@dataclass
class Membri:
    served: Served
    certificate: Certificate
    web: httpx2.Client
    admin: httpx2.Client

    @property
    def url(self) -> str:
        return self.served.url

    @property
    def authority(self) -> str:
        return f"{self.url}/{DEFAULT_TENANT}"

    def token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": f"{self.url}/.default",
        }
        answer = self.web.post(f"{self.authority}/oauth2/v2.0/token", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def log_in(self) -> None:
        self.web.headers["Authorization"] = f"Bearer {self.token()}"

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.web.get(ROOT + path, headers=_named(headers))

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return self.web.post(ROOT + path, json=body, headers=_named(headers))

    def patch(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return self.web.patch(ROOT + path, json=body, headers=_named(headers))

    def delete(self, path: str, **headers: str) -> httpx2.Response:
        return self.web.delete(ROOT + path, headers=_named(headers))

    def etag(self, path: str) -> str:
        return str(self.get(path).json()["@odata.etag"])

    def seed(self, **sets: list[dict[str, Any]]) -> None:
        answer = self.admin.post("/seed", json=sets)
        assert answer.status_code == 200, answer.text

    def options(self, **values: Any) -> None:
        answer = self.admin.post("/options", json=values)
        assert answer.status_code == 200, answer.text

    def person(self, **values: Any) -> dict[str, Any]:
        answer = self.admin.post("/person", json=values)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def offences(self) -> list[str]:
        return [o["code"] for o in self.admin.get("/offences").json()]

    def invoice(self, **values: Any) -> str:
        """Seeds an invoice of a new account; returns its id."""
        invoice, account = str(uuid.uuid4()), str(uuid.uuid4())
        row = {
            "invoiceid": invoice,
            "name": "Renouvellement",
            "_customerid_value": account,
            "totalamount": 344.90,
            "membri_invoicedate": "2026-01-05",
            "membri_syncstatus": TO_TRANSFER,
        }
        self.seed(
            accounts=[{"accountid": account, "name": "Éco L'Été"}], invoices=[{**row, **values}]
        )
        return invoice


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def open_membri(folder: Path, **options: Any) -> Iterator[Membri]:
    """Runs the system over a store in `folder`, logged in."""
    certificate = loopback_certificate(folder / "tls")
    store = Store(folder / "membri.db")
    system = membri_system(store, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **options)
    trust = ssl.create_default_context(cafile=str(certificate.ca))
    with (
        running(system, certificate=certificate) as served,
        httpx2.Client(base_url=served.url, verify=trust, timeout=60) as web,
        httpx2.Client(base_url=served.admin_url, verify=trust, timeout=60) as admin,
    ):
        membri = Membri(served, certificate, web, admin)
        membri.log_in()
        yield membri
    store.close()
