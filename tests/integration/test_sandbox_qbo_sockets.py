"""The simulated QuickBooks Online at its socket: faults on demand, kill -9, the admin port.

(7) and (22) of the reference's list where they need a real connection.
"""

import contextlib
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests

from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import Options, default_company, quickbooks_system
from tests.sandbox_qbo_driver import sale

REALM = "4620816365"
CHILD = """
import sys
from pathlib import Path
from ops.sandbox.kernel.serving import serve_forever
from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import Options, default_company, quickbooks_system

store = Store(Path(sys.argv[1]))
options = Options(per_second=10**6, per_minute=10**6)
system = quickbooks_system(store, client_id="c", client_secret="s", options=options)
if not system.companies.realms():
    system.seed({"realms": {sys.argv[2]: default_company("Association des Érables")},
                 "tokens": {sys.argv[2]: {"access_token": "a-1", "refresh_token": "r-1"}}})

def ready(served):
    print(served[0].url, served[0].admin_url, flush=True)

serve_forever([(system, 0, 0, None)], ready)
"""


class Client:
    """Plain HTTP with good manners."""

    def __init__(self, url, admin_url):
        self.url = url
        self.admin_url = admin_url
        self.session = requests.Session()
        self.session.headers.update({"Authorization": "Bearer a-1", "Accept": "application/json"})

    def post(self, entity, body, requestid, timeout=10):
        return self.session.post(
            f"{self.url}/v3/company/{REALM}/{entity}",
            params={"minorversion": "75", "requestid": requestid},
            json=body,
            timeout=timeout,
        )

    def names(self):
        answer = self.session.post(
            f"{self.url}/v3/company/{REALM}/query",
            params={"minorversion": "75"},
            data=b"select * from Customer maxresults 1000",
            headers={"Content-Type": "application/text"},
            timeout=10,
        )
        return [c["DisplayName"] for c in answer.json()["QueryResponse"].get("Customer", [])]

    def arm(self, **fault):
        answer = requests.post(f"{self.admin_url}/faults", json=fault, timeout=10)
        assert answer.status_code == 200, answer.text

    def offences(self):
        return requests.get(f"{self.admin_url}/offences", timeout=10).json()


@pytest.fixture
def client():
    system = quickbooks_system(
        Store(),
        client_id="c",
        client_secret="s",
        options=Options(per_second=10**6, per_minute=10**6),
    )
    tokens = {REALM: {"access_token": "a-1", "refresh_token": "r-1"}}
    system.seed({"realms": {REALM: default_company("Érables")}, "tokens": tokens})
    with running(system) as served:
        one = Client(served.url, served.admin_url)
        with one.session:
            yield one


def test_07_a_gateway_may_answer_html(client):
    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    client.arm(kind="status", status=502, body=page, content_type="text/html")
    answer = client.post("customer", {"DisplayName": "Anne"}, "q-1")
    assert (answer.status_code, answer.text) == (502, page)
    assert client.names() == []


def test_22_a_write_committed_before_the_connection_drops_is_found_by_its_request_id(client):
    client.arm(kind="drop_after", method="POST", path="/customer")
    with pytest.raises(requests.ConnectionError):
        client.post("customer", {"DisplayName": "Anne"}, "q-1")
    assert client.names() == ["Anne"]
    again = client.post("customer", {"DisplayName": "Anne"}, "q-1")
    assert again.status_code == 200
    assert client.names() == ["Anne"]
    blind = client.post("customer", {"DisplayName": "Anne"}, "q-2")
    assert blind.json()["Fault"]["Error"][0]["code"] == "6240"
    assert client.offences() == []


@pytest.mark.parametrize("operation", ["create", "update", "void", "delete"])
def test_22_every_kind_of_write_may_be_committed_and_answered_504(client, operation):
    buyer = client.post("customer", {"DisplayName": "Anne"}, "c").json()["Customer"]
    body = sale(buyer)
    path = "invoice"
    if operation != "create":
        made = client.post("invoice", body, "i").json()["Invoice"]
        body = {"Id": made["Id"], "SyncToken": made["SyncToken"]}
        path = f"invoice?operation={operation}"
        if operation == "update":
            body |= {"PrivateNote": "x", "sparse": True}
    client.arm(kind="status_after", status=504, path="/invoice")
    lost = client.post(path, body, "k-1")
    assert lost.status_code == 504
    again = client.post(path, body, "k-1")
    assert again.status_code == 200
    document = again.json()["Invoice"]
    expected = {"create": "0", "update": "1", "void": "1", "delete": None}[operation]
    assert document.get("SyncToken") == expected
    assert client.offences() == []


def test_22_a_write_may_be_processed_after_the_client_gave_up(client):
    client.arm(kind="latency", seconds=0.5, path="/customer")
    with pytest.raises(requests.Timeout):
        client.post("customer", {"DisplayName": "Anne"}, "q-1", timeout=0.1)
    deadline = time.monotonic() + 20
    while client.names() != ["Anne"]:
        assert time.monotonic() < deadline, "the late write never came"
        time.sleep(0.02)
    again = client.post("customer", {"DisplayName": "Anne"}, "q-1")
    assert again.status_code == 200
    assert client.names() == ["Anne"]


def test_the_admin_port_issues_tokens_and_acts_as_the_accountant(client):
    made = client.post("customer", {"DisplayName": "Anne"}, "c").json()["Customer"]
    tokens = requests.post(f"{client.admin_url}/tokens", json={"realm": REALM}, timeout=10).json()
    assert tokens["realmId"] == REALM
    client.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    order = {"realm": REALM, "entity": "Customer", "id": made["Id"], "set": {"Notes": "vu"}}
    requests.post(f"{client.admin_url}/accountant", json=order, timeout=10).raise_for_status()
    dump = requests.get(f"{client.admin_url}/dump", timeout=10).json()
    assert dump[REALM]["Customer"][0]["Notes"] == "vu"
    assert dump[REALM]["Customer"][0]["SyncToken"] == "1"


@contextlib.contextmanager
def child(path):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), REALM], stdout=subprocess.PIPE, text=True
    )
    try:
        url, admin_url = process.stdout.readline().split()
        one = Client(url, admin_url)
        with one.session:
            yield process, one
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


def test_books_tokens_and_request_ids_survive_kill_9_amid_writes(tmp_path):
    path = tmp_path / "qbo.sqlite"
    acknowledged = {}
    enough = threading.Event()

    def post_until_it_dies(one):
        number = 0
        while True:
            try:
                answer = one.post("customer", {"DisplayName": f"M {number}"}, f"k-{number}")
            except requests.RequestException:
                enough.set()
                return
            acknowledged[number] = answer.json()["Customer"]["Id"]
            number += 1
            if number >= 40:
                enough.set()

    with child(path) as (process, one):
        thread = threading.Thread(target=post_until_it_dies, args=(one,))
        thread.start()
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
        thread.join(60)
        assert not thread.is_alive()
    assert len(acknowledged) >= 40
    with child(path) as (_, one):
        names = one.names()
        assert len(names) == len(set(names))
        assert {f"M {n}" for n in acknowledged} <= set(names)
        assert len(names) - len(acknowledged) in (0, 1)  # the last may be done and unanswered
        in_doubt = len(acknowledged)
        for number in (0, in_doubt - 1, in_doubt):
            answer = one.post("customer", {"DisplayName": f"M {number}"}, f"k-{number}")
            assert answer.status_code == 200, answer.text
            assert acknowledged.get(number) in (None, answer.json()["Customer"]["Id"])
        assert len(one.names()) == in_doubt + 1
        assert one.offences() == []
