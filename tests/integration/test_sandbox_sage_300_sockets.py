"""The simulated Sage 300 at its socket: TLS, faults on demand, kill -9, the admin port.

(1), (12) and (13) of sage-300.md, section 15, where they need a real connection.
"""

import contextlib
import signal
import subprocess
import sys
import threading

import pytest
import requests

from ops.sandbox.kernel.books import Place
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import loopback_certificate
from ops.sandbox.sage_300 import SIMULATION, default_company
from tests.sandbox_sage_300_driver import COMPANY, invoice, invoice_batch

CHILD = """
import sys
from pathlib import Path
from ops.sandbox.kernel.serving import serve_forever
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_300 import SIMULATION, default_company

folder = Path(sys.argv[1])
system = SIMULATION.build(Store(folder / "sage.db"), folder)
if not system.companies.names():
    system.seed({"companies": {"MTLDAT": default_company("Association des Érables")}})

def ready(served):
    print(served[0].url, served[0].admin_url, flush=True)

serve_forever([(system, 0, 0, None)], ready)
"""


class Client:
    """One company over HTTP, as its configuration says."""

    def __init__(self, connection, admin_url):
        self.base = connection["base_url"]
        self.admin_url = admin_url
        self.session = requests.Session()
        with open(connection["password_file"], encoding="utf-8") as file:  # noqa: PTH123 — read as a client would
            self.session.auth = (connection["user"], file.read())
        self.session.headers["Content-Type"] = "application/json"
        self.ca_bundle = connection["ca_bundle"]

    def call(self, method, rest, body=None):
        # Given with each call: the environment's own bundle would win over the session's.
        return self.session.request(
            method, f"{self.base}/{rest}", json=body, timeout=10, verify=self.ca_bundle
        )

    def arm(self, **fault):
        assert requests.post(f"{self.admin_url}/faults", json=fault, timeout=10).status_code == 200

    def options(self, **values):
        answer = requests.post(f"{self.admin_url}/options", json=values, timeout=10)
        assert answer.status_code == 200, answer.text

    def offences(self):
        rows = requests.get(f"{self.admin_url}/offences", timeout=10).json()
        return [row["code"] for row in rows]

    def customer(self, number="M00042"):
        body = {"CustomerNumber": number, "CustomerName": "Zoé Côté", "GroupCode": "MEMBRE"}
        return self.call("POST", "AR/ARCustomers", body)

    def posted(self):
        return [
            r["DocumentNumber"] for r in self.call("GET", "AR/ARPostedDocuments").json()["value"]
        ]


def process(number):
    return {
        "PostAllBatches": "Donotpostallbatches",
        "PostBatchFrom": number,
        "PostBatchTo": number,
    }


@pytest.fixture
def client(tmp_path):
    certificate = loopback_certificate(tmp_path / "tls")
    system = SIMULATION.build(Store(), tmp_path)
    system.seed({"companies": {COMPANY: default_company("Association des Érables")}})
    with running(system, certificate=certificate) as served:
        connection = SIMULATION.connection(Place(served, certificate.ca, tmp_path), COMPANY)
        one = Client(connection, served.admin_url)
        with one.session:
            yield one


def test_the_connection_leads_to_the_company_over_tls(client):
    assert client.base.endswith(f"/Sage300WebApi/v1.0/-/{COMPANY}")
    assert client.customer().status_code == 201
    found = client.call("GET", "AR/ARCustomers?$filter=CustomerName eq 'Zoé Côté'").json()
    assert [row["CustomerNumber"] for row in found["value"]] == ["M00042"]
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{client.base}/AR/ARTerms", timeout=10)
    assert client.offences() == []


def test_13_a_batch_made_before_the_answer_was_lost_is_found_by_its_description(client):
    client.customer()
    client.arm(kind="drop_after", method="POST", path="ARInvoiceBatches")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.call("POST", "AR/ARInvoiceBatches", invoice_batch())
    where = "$filter=Description eq 'membri:invoice:0193'"
    (found,) = client.call("GET", f"AR/ARInvoiceBatches?{where}").json()["value"]
    assert found["BatchStatus"] == "Open"


def test_13_a_process_whose_answer_was_lost_has_posted(client):
    client.customer()
    number = client.call("POST", "AR/ARInvoiceBatches", invoice_batch()).json()["BatchNumber"]
    rest = f"AR/ARInvoiceBatches({number})"
    assert client.call("PATCH", rest, {"BatchStatus": "ReadyToPost"}).content == b""
    client.arm(kind="drop_after", path="ARPostInvoices")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.call("POST", "AR/ARPostInvoices('$process')", process(number))
    assert client.call("GET", rest).json()["BatchStatus"] == "Posted"
    assert client.posted() == [invoice()["DocumentNumber"]]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 429, "body": '{"error":{"code":"TooManyRequests","message":{}}}'}, 429),
        ({"status": 503, "body": "<html>Service Unavailable</html>"}, 503),
        ({"status": 200, "body": "<html>Web Screens</html>"}, 200),
    ],
)
def test_13_gateways_answer_in_their_own_words(client, fault, status):
    client.arm(kind="status", content_type="text/html", **fault)
    answer = client.call("GET", "AR/ARTerms")
    assert (answer.status_code, answer.text) == (status, fault["body"])
    assert client.call("GET", "AR/ARTerms").status_code == 200


def test_12_parallel_writes_of_one_company_are_seen_and_too_many_refused(client):
    client.options(write_s=0.2, max_parallel=3)
    start = threading.Barrier(6)
    statuses = []

    def write(number):
        body = {"CustomerNumber": f"P{number}", "CustomerName": "X", "GroupCode": "MEMBRE"}
        start.wait()
        answer = requests.post(
            f"{client.base}/AR/ARCustomers",
            json=body,
            auth=client.session.auth,
            verify=client.ca_bundle,
            timeout=10,
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {201, 429}
    assert "parallel_writes" in client.offences()


# A process killed with -9.


@contextlib.contextmanager
def _child(folder):
    process_ = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        url, admin_url = process_.stdout.readline().split()
        connection = {
            "base_url": f"{url}/Sage300WebApi/v1.0/-/{COMPANY}",
            "user": "WEBAPI",
            "password_file": folder / "sage-300-password",
            "ca_bundle": True,
        }
        client = Client(connection, admin_url)
        with client.session:
            yield client, process_
    finally:
        process_.kill()
        process_.wait()
        process_.stdout.close()


def test_a_killed_server_comes_back_with_the_same_books_and_numbers(tmp_path):
    with _child(tmp_path) as (client, child):
        client.customer()
        first = client.call("POST", "AR/ARInvoiceBatches", invoice_batch()).json()
        rest = f"AR/ARInvoiceBatches({first['BatchNumber']})"
        client.call("PATCH", rest, {"BatchStatus": "ReadyToPost"})
        child.send_signal(signal.SIGKILL)
        child.wait()
    with _child(tmp_path) as (client, _):
        assert client.call("GET", rest).json()["BatchStatus"] == "ReadyToPost"
        assert client.call("POST", "AR/ARPostInvoices('$process')", process(1)).status_code == 200
        assert client.posted() == [invoice()["DocumentNumber"]]
        again = client.call("POST", "AR/ARInvoiceBatches", invoice_batch(invoice("F-2"))).json()
        assert again["BatchNumber"] == first["BatchNumber"] + 1
        assert client.offences() == []
