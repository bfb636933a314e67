"""The simulated Sage Accounting at its socket: faults on demand, overlapping calls, kill -9.

(2), (12) and (26) of the reference's list where they need a real connection.
"""

import contextlib
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_accounting import Options, default_company, sage_accounting_system

BUSINESS = "5f0c8e1ad2b94c7e8a6f3b2d1c0e9f71"
TOKENS = {BUSINESS: {"access_token": "a-1", "refresh_token": "r-1"}}
CHILD = """
import sys
from pathlib import Path
from ops.sandbox.kernel.serving import serve_forever
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_accounting import default_company, sage_accounting_system

system = sage_accounting_system(Store(Path(sys.argv[1])), client_id="c", client_secret="s")
if not system.companies.businesses():
    system.seed({"businesses": {sys.argv[2]: default_company("Association des Érables")},
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
        self.session.headers.update(
            {"Authorization": "Bearer a-1", "Accept": "application/json", "X-Business": BUSINESS}
        )

    def contact(self, name, key, timeout=10):
        body = {"name": name, "contact_type_ids": ["CUSTOMER"], "idempotency_id": key}
        return self.session.post(
            f"{self.url}/v3.1/contacts", json={"contact": body}, timeout=timeout
        )

    def names(self):
        answer = self.session.get(
            f"{self.url}/v3.1/contacts", params={"items_per_page": "200"}, timeout=10
        )
        return [row["displayed_as"] for row in answer.json()["$items"]]

    def refresh(self, token):
        form = {
            "client_id": "c",
            "client_secret": "s",
            "grant_type": "refresh_token",
            "refresh_token": token,
        }
        return requests.post(f"{self.url}/token", data=form, timeout=10)

    def arm(self, **fault):
        answer = requests.post(f"{self.admin_url}/faults", json=fault, timeout=10)
        assert answer.status_code == 200, answer.text

    def offences(self):
        found = requests.get(f"{self.admin_url}/offences", timeout=10).json()
        return [one["code"] for one in found]


@pytest.fixture
def client():
    options = Options(numbering_s=0.05)
    system = sage_accounting_system(Store(), client_id="c", client_secret="s", options=options)
    system.seed({"businesses": {BUSINESS: default_company("Érables")}, "tokens": TOKENS})
    with running(system) as served:
        one = Client(served.url, served.admin_url)
        with one.session:
            yield one


def key():
    return uuid.uuid4().hex


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 502, "body": "<html>Bad Gateway</html>", "content_type": "text/html"},
        {"status": 503},
        {"status": 429},
        {"status": 429, "headers": {"Retry-After": "7"}},
    ],
)
def test_26_a_call_may_be_refused_on_the_way_in(client, fault):
    client.arm(kind="status", method="POST", **fault)
    answer = client.contact("Anne", key())
    assert (answer.status_code, answer.text) == (fault["status"], fault.get("body", ""))
    assert answer.headers.get("Retry-After") == fault.get("headers", {}).get("Retry-After")
    assert client.names() == []
    assert client.contact("Anne", key()).status_code == 201


@pytest.mark.parametrize("fault", [{"kind": "status_after", "status": 500}, {"kind": "drop_after"}])
def test_26_a_creation_may_be_done_and_its_answer_lost(client, fault):
    client.arm(method="POST", path="/contacts", **fault)
    one = key()
    with contextlib.suppress(requests.ConnectionError):
        assert client.contact("Anne", one).status_code == 500
    assert client.names() == ["Anne"]
    assert client.contact("Anne", one).status_code == 201
    assert client.names() == ["Anne"]
    assert client.offences() == []


def test_26_a_slow_creation_is_done_after_the_client_gave_up(client):
    client.arm(kind="latency", seconds=0.5, path="/contacts")
    one = key()
    with pytest.raises(requests.Timeout):
        client.contact("Anne", one, timeout=0.1)
    deadline = time.monotonic() + 20
    while client.names() != ["Anne"]:
        assert time.monotonic() < deadline, "the late write never came"
        time.sleep(0.02)
    assert client.contact("Anne", one).status_code == 201
    assert client.names() == ["Anne"]


def test_12_two_creations_at_once_are_seen(client):
    def create(name):
        other = Client(client.url, client.admin_url)
        with other.session:
            return other.contact(name, key()).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(create, ["A", "B", "C", "D"])) == [201] * 4
    assert "parallel_post" in client.offences()


def test_02_of_two_refreshes_at_once_one_loses_the_connection(client):
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(client.refresh, ["r-1", "r-1"]))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    (given,) = [answer.json() for answer in answers if answer.status_code == 200]
    client.session.headers["Authorization"] = f"Bearer {given['access_token']}"
    assert client.names() == []
    assert client.offences() == ["refresh_in_parallel"]


def test_the_admin_port_issues_tokens_moves_time_and_acts_as_the_accountant(client):
    made = client.contact("Anne", key()).json()
    tokens = requests.post(
        f"{client.admin_url}/tokens", json={"business": BUSINESS}, timeout=10
    ).json()
    assert tokens["business_id"] == BUSINESS
    client.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    order = {
        "business": BUSINESS,
        "resource": "contacts",
        "id": made["id"],
        "set": {"notes": "vu", "is_active": False},
    }
    requests.post(f"{client.admin_url}/accountant", json=order, timeout=10).raise_for_status()
    dump = requests.get(f"{client.admin_url}/dump", timeout=10).json()
    assert dump[BUSINESS]["contacts"][0]["notes"] == "vu"
    assert dump[BUSINESS]["contacts"][0]["is_active"] is False
    requests.post(f"{client.admin_url}/clock", json={"advance_s": 301}, timeout=10)
    assert client.contact("Luc", key()).status_code == 401


@contextlib.contextmanager
def child(path):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), BUSINESS], stdout=subprocess.PIPE, text=True
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


def test_books_tokens_and_idempotency_ids_survive_kill_9_amid_writes(tmp_path):
    path = tmp_path / "sage.sqlite"
    acknowledged = {}
    enough = threading.Event()

    def post_until_it_dies(one):
        number = 0
        while True:
            try:
                answer = one.contact(f"M {number}", f"{number:032x}")
            except requests.RequestException:
                enough.set()
                return
            acknowledged[number] = answer.json()["id"]
            number += 1
            if number >= 30:
                enough.set()

    with child(path) as (process, one):
        thread = threading.Thread(target=post_until_it_dies, args=(one,))
        thread.start()
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
        thread.join(60)
        assert not thread.is_alive()
    assert len(acknowledged) >= 30
    with child(path) as (_, one):
        names = one.names()
        assert len(names) == len(set(names))
        assert {f"M {n}" for n in acknowledged} <= set(names)
        assert len(names) - len(acknowledged) in (0, 1)  # the last may be done and unanswered
        in_doubt = len(acknowledged)
        for number in (0, in_doubt - 1, in_doubt):
            answer = one.contact(f"M {number}", f"{number:032x}")
            assert answer.status_code == 201, answer.text
            assert acknowledged.get(number) in (None, answer.json()["id"])
        assert len(one.names()) == in_doubt + 1
        assert one.refresh("r-1").status_code == 200
        assert one.offences() == []
