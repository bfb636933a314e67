"""The simulated Business Central at its socket: MSAL, faults on demand, kill -9, the admin port.

(1) and (14) of the reference's list where they need a real connection.
"""

import contextlib
import subprocess
import sys

import msal
import pytest
import requests

from ops.sandbox.business_central import SIMULATION
from ops.sandbox.business_central.simulation import CLIENT_ID, SECRET_FILE
from ops.sandbox.kernel.books import Place, SeedCompany, SeedCustomer
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import loopback_certificate
from tests.sandbox_bc_driver import COMPANY, SCOPE, payment, sale

CHILD = """
import sys
from pathlib import Path
from ops.sandbox.business_central import SIMULATION
from ops.sandbox.kernel.books import SeedCompany
from ops.sandbox.kernel.serving import serve_forever
from ops.sandbox.kernel.store import Store

folder = Path(sys.argv[1])
system = SIMULATION.build(Store(folder / "bc.db"), folder)
if not system.companies.ids():
    SIMULATION.seed(system, {sys.argv[2]: SeedCompany("Association des Érables")})

def ready(served):
    print(served[0].url, served[0].admin_url, system.login.issue(), flush=True)

serve_forever([(system, 0, 0, None)], ready)
"""
ROOT = "/v2.0/4f9c2b1e-7f0a-4f5e-9d0b-3c6a5b8e2d10/Production/api/v2.0"


class Client:
    """Plain HTTP with good manners."""

    def __init__(self, api_root, token, admin_url, verify=True):
        self.root = f"{api_root}/companies({COMPANY})/"
        self.admin_url = admin_url
        self.session = requests.Session()
        self.session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
        self.session.verify = verify
        self.session.headers.update(
            {"Authorization": f"Bearer {token}", "Accept-Language": "en-US"}
        )

    def get(self, path, **params):
        answer = self.session.get(
            self.root + path, params={f"${k}": v for k, v in params.items()}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path, body=None):
        return self.session.post(self.root + path, json=body, timeout=10)

    def made(self, path, body):
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def arm(self, **fault):
        requests.post(f"{self.admin_url}/faults", json=fault, timeout=10).raise_for_status()

    def offences(self):
        return requests.get(f"{self.admin_url}/offences", timeout=10).json()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bc")
    certificate = loopback_certificate(folder / "tls")
    system = SIMULATION.build(Store(), folder)
    customers = [SeedCustomer("1", "M-1", "Zoé L’Écuyer")]
    SIMULATION.seed(system, {COMPANY: SeedCompany("Érables", customers=customers)})
    with running(system, certificate=certificate) as served:
        yield Place(served, certificate.ca, folder)


@pytest.fixture
def client(place):
    settings = SIMULATION.connection(place, COMPANY)
    token = place.served.system.login.issue()
    one = Client(settings["api_root"], token, place.served.admin_url, settings["ca_bundle"])
    with one.session:
        yield one
    assert one.offences() == []


def application(settings, secret):
    """MSAL over a session of its own, closed by whoever calls."""
    session = requests.Session()
    session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
    session.verify = settings["ca_bundle"]
    return session, msal.ConfidentialClientApplication(
        CLIENT_ID, authority=settings["authority"], client_credential=secret,
        instance_discovery=False, http_client=session,
    )  # fmt: skip


def test_01_msal_gets_a_token_that_opens_the_api(place):
    settings = SIMULATION.connection(place, COMPANY)
    secret = (place.folder / SECRET_FILE).read_text()
    session, login = application(settings, secret)
    with session:
        given = login.acquire_token_for_client(scopes=[SCOPE])
        assert given["token_type"] == "Bearer"
        assert (
            login.acquire_token_for_client(scopes=[SCOPE])["access_token"] == given["access_token"]
        )
    one = Client(settings["api_root"], given["access_token"], "", settings["ca_bundle"])
    with one.session:
        (found,) = one.get("customers", filter="number eq 'M-1'")["value"]
    assert found["displayName"] == "Zoé L’Écuyer"


def test_01_msal_reports_a_wrong_secret_and_a_wrong_scope(place):
    settings = SIMULATION.connection(place, COMPANY)
    for secret, scope, error in (
        ("wrong", SCOPE, "invalid_client"),
        ((place.folder / SECRET_FILE).read_text(), "https://other/.default", "invalid_scope"),
    ):
        session, login = application(settings, secret)
        with session:
            refused = login.acquire_token_for_client(scopes=[scope])
        assert refused["error"] == error


def test_14_a_create_committed_before_the_connection_drops_is_found_by_its_natural_key(client):
    body = sale({"number": "M-1"}, externalDocumentNumber="DROP-1")
    client.arm(kind="drop_after", method="POST", path="/salesInvoices$")
    with pytest.raises(requests.ConnectionError):
        client.post("salesInvoices", body)
    found = client.get("salesInvoices", filter="externalDocumentNumber eq 'DROP-1'")["value"]
    assert [one["status"] for one in found] == ["Draft"]


def test_14_actions_committed_and_answered_504_are_found_posted(client):
    made = client.made("salesInvoices", sale({"number": "M-1"}, externalDocumentNumber="LATE-1"))
    client.arm(kind="status_after", status=504, path=r"Microsoft\.NAV\.post", body="")
    assert client.post(f"salesInvoices({made['id']})/Microsoft.NAV.post").status_code == 504
    posted = client.get(f"salesInvoices({made['id']})")
    assert posted["status"] == "Open"
    account = client.get("accounts", filter="number eq '10100'")["value"][0]["id"]
    journal = client.made("customerPaymentJournals", {"code": "ENC", "balancingAccountId": account})
    client.made(
        f"customerPaymentJournals({journal['id']})/customerPayments", payment(posted, 100, "P-LATE")
    )
    client.arm(kind="drop_after", path=r"Microsoft\.NAV\.post")
    with pytest.raises(requests.ConnectionError):
        client.post(f"journals({journal['id']})/Microsoft.NAV.post")
    found = client.get("generalLedgerEntries", filter="documentNumber eq 'P-LATE'")["value"]
    assert {one["documentType"] for one in found} == {"Payment"}


def test_14_a_gateway_may_answer_html_or_503_with_retry_after_without_doing_the_work(client):
    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    client.arm(kind="status", status=502, body=page, content_type="text/html")
    answer = client.post("customers", {"displayName": "Anne"})
    assert (answer.status_code, answer.text) == (502, page)
    client.arm(kind="status", status=503, headers={"Retry-After": "1"}, body="{}")
    assert client.post("customers", {"displayName": "Anne"}).headers["retry-after"] == "1"
    assert client.get("customers", filter="displayName eq 'Anne'")["value"] == []


@contextlib.contextmanager
def child(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), COMPANY], stdout=subprocess.PIPE, text=True
    )
    try:
        url, admin_url, token = process.stdout.readline().split()
        one = Client(url + ROOT, token, admin_url)
        with one.session:
            yield process, one
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


def test_books_and_tokens_survive_kill_9(tmp_path):
    with child(tmp_path) as (process, one):
        one.made("customers", {"number": "M-1", "displayName": "Anne"})
        made = one.made("salesInvoices", sale({"number": "M-1"}))
        one.post(f"salesInvoices({made['id']})/Microsoft.NAV.post")
        before = one.get("salesInvoices")["value"]
        token = one.session.headers["Authorization"]
        process.kill()
        process.wait(20)
    with child(tmp_path) as (_, one):
        one.session.headers["Authorization"] = token
        assert one.get("salesInvoices")["value"] == before
        assert before[0]["status"] == "Open"
