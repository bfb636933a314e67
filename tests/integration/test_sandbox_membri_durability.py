"""What the simulated Membri had committed survives kill -9; faults hit before and after commit."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import uuid
from pathlib import Path

import httpx2
import pytest

from ops.sandbox.kernel.tls import loopback_certificate
from tests.integration.sandbox_membri import (
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_TENANT,
    ROOT,
    open_membri,
)

CHILD = f"""
import json, sys
from pathlib import Path
from ops.sandbox.kernel.serving import serve_forever
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import loopback_certificate
from ops.sandbox.membri import membri_system

folder = Path(sys.argv[1])
store = Store(folder / "membri.db")
system = membri_system(store, client_id="{CLIENT_ID}", client_secret="{CLIENT_SECRET}")
tell = lambda served: print(json.dumps([served[0].port, served[0].admin_port]), flush=True)
serve_forever([(system, int(sys.argv[2]), 0, loopback_certificate(folder / "tls"))], tell)
"""


class Child:
    """The system in its own process, on a port that a restart takes again."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(port)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the child ended before it served"
        self.port, self.admin_port = json.loads(line)

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def client(folder: Path, port: int) -> httpx2.Client:
    certificate = loopback_certificate(folder / "tls")
    trust = ssl.create_default_context(cafile=str(certificate.ca))
    return httpx2.Client(base_url=f"https://localhost:{port}", verify=trust, timeout=60)


def log_in(web: httpx2.Client) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": str(web.base_url).rstrip("/") + "/.default",
    }
    token = web.post(f"/{DEFAULT_TENANT}/oauth2/v2.0/token", data=form).json()["access_token"]
    web.headers["Authorization"] = f"Bearer {token}"


def test_all_that_was_answered_survives_kill_9(tmp_path: Path) -> None:
    child = Child(tmp_path)
    account = str(uuid.uuid4())
    with client(tmp_path, child.port) as web:
        log_in(web)
        made = web.patch(
            f"{ROOT}accounts({account})", json={"name": "Durable"}, headers={"If-None-Match": "*"}
        )
        assert made.status_code == 204
        changed = web.patch(
            f"{ROOT}accounts({account})",
            json={"creditlimit": 10.5},
            headers={"If-Match": "*", "Prefer": "return=representation"},
        )
        tag = changed.json()["@odata.etag"]
        ghost = web.patch(f"{ROOT}accounts({uuid.uuid4()})", json={"name": "Fantôme"})
        assert ghost.status_code == 204
        token = web.headers["Authorization"]
    with httpx2.Client(base_url=f"http://127.0.0.1:{child.admin_port}") as admin:
        admin.post("/options", json={"token_lifetime_s": 60})
    child.kill()

    again = Child(tmp_path, child.port)
    try:
        with client(tmp_path, again.port) as web:
            web.headers["Authorization"] = token
            row = web.get(f"{ROOT}accounts({account})").json()
            assert (row["name"], row["creditlimit"]) == ("Durable", 10.5)
            assert row["@odata.etag"] == tag
            newer = web.patch(
                f"{ROOT}accounts({account})",
                json={"name": "Encore"},
                headers={"If-Match": tag, "Prefer": "return=representation"},
            )
            assert int(newer.json()["@odata.etag"][3:-1]) > int(tag[3:-1])
        with httpx2.Client(base_url=f"http://127.0.0.1:{again.admin_port}") as admin:
            assert [o["code"] for o in admin.get("/offences").json()] == ["missing_if_match"]
            assert admin.get("/options").json()["token_lifetime_s"] == 60
            audit = admin.get("/audit", params={"id": account}).json()
            assert [entry["action"] for entry in audit] == ["create", "update", "update"]
    finally:
        again.kill()


@pytest.mark.parametrize(("kind", "done"), [("drop_before", False), ("drop_after", True)])
def test_a_dropped_connection_leaves_the_outcome_unknown(
    tmp_path: Path, kind: str, done: bool
) -> None:
    with open_membri(tmp_path) as membri:
        invoice = membri.invoice()
        fault = {"kind": kind, "method": "PATCH", "path": "invoices"}
        assert membri.admin.post("/faults", json=fault).status_code == 200
        with pytest.raises(httpx2.TransportError):
            membri.patch(f"invoices({invoice})", {"name": "Écrit"}, If_Match="*")
        assert (membri.get(f"invoices({invoice})").json()["name"] == "Écrit") is done


def test_a_gateway_may_answer_html_and_a_body_may_be_cut(tmp_path: Path) -> None:
    with open_membri(tmp_path) as membri:
        fault = {
            "kind": "status",
            "status": 502,
            "body": "<html>Bad Gateway</html>",
            "content_type": "text/html",
        }
        membri.admin.post("/faults", json=fault)
        answer = membri.get("WhoAmI")
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
        membri.admin.post("/faults", json={"kind": "truncate", "path": "WhoAmI"})
        with pytest.raises(httpx2.TransportError):
            membri.get("WhoAmI")
        assert membri.get("WhoAmI").status_code == 200
