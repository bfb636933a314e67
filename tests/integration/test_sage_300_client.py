"""One request to the Web API and its answer, whatever the server does (reference page, 1 and 2)."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems._exchange import Route
from consumers.systems._throttle import Throttle
from consumers.systems.sage_300.client import Client, Shared
from consumers.systems.sage_300.credentials import Credentials
from consumers.systems.sage_300.faults import Bug, Fault, ServerFailed
from consumers.systems.sage_300.odata import entity, equal
from consumers.systems.sage_300.settings import Connection
from schemas.facts import ApiCall
from schemas.reasons import SystemReason
from tests.integration.queued_answers import QueuedAnswers, answered

PASSWORD = "PÂSS-word:1"
CUSTOMER = entity("AR/ARCustomers", key="M1")


class Server(QueuedAnswers):
    """A Web API, and clients on it."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        super().__init__(server, "/Sage300WebApi/")
        self.seconds = 0.0
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD, encoding="utf-8")
        self.root = server.url_for("/Sage300WebApi/v1.0/-/ERABLE")
        self.connection = Connection.model_validate(
            {
                "base_url": self.root,
                "user": "WEBAPI",
                "password_file": str(self.password_file),
                "customer_group": "M",
                "tax_group": "QC",
                "timeout_s": 0.5,
            }
        )

    def client(self) -> Client:
        throttle = Throttle({1.0: 100}, title="Sage 300", clock=lambda: self.seconds)
        route = Route(
            *("sage_300", "Sage 300", self.connection.timeout_s, throttle, self.facts.append),
            monotonic=lambda: self.seconds,
        )
        credentials = Credentials(self.connection, lambda: self.seconds)
        made = Client(Shared(self.connection, credentials, throttle, route))
        self.opened.append(made)
        return made


def refused(code: str, status: int, text: str = "No.", **headers: str) -> Response:
    message = {"lang": "en-US", "value": text}
    return answered({"error": {"code": code, "message": message}}, status, **headers)


@pytest.fixture
def server(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Server]:
    made = Server(httpserver, tmp_path)
    yield made
    made.close()


def test_every_request_says_its_content_type_and_who_asks(server: Server) -> None:
    server.answers = [answered({"CustomerNumber": "M1"})]
    client = server.client()
    client.read(CUSTOMER)
    client.create("AR/ARCustomers", {"CustomerNumber": "M1"})
    client.change(CUSTOMER, {"City": "Québec"})
    client.process("AR/ARPostInvoices", {})
    client.template("GL/GLPostJournal")
    assert [r.method for r in server.requests] == ["GET", "POST", "PATCH", "POST", "POST"]
    pair = base64.b64encode(f"WEBAPI:{PASSWORD}".encode()).decode()
    for request in server.requests:
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["Authorization"] == f"Basic {pair}"
    assert server.requests[3].path.endswith("/AR/ARPostInvoices('$process')")
    assert server.requests[4].path.endswith("/GL/GLPostJournal('$template')")


def test_the_order_of_properties_is_kept_and_amounts_are_exact(server: Server) -> None:
    server.answers = [answered({"BatchNumber": 1}, 201)]
    body = {"Z": "é", "A": Decimal("275.90"), "M": [{"Y": 1, "B": Decimal("-0.10")}]}
    server.client().create("AR/ARInvoiceBatches", body)
    sent = server.requests[0].get_data().decode()
    assert sent == '{"Z":"é","A":275.90,"M":[{"Y":1,"B":-0.10}]}'


def test_pages_are_followed_on_our_own_address_only(server: Server) -> None:
    elsewhere = (
        "http://inside.example.org/Sage300WebApi/v1.0/-/ERABLE/AR/X?$filter=A%20eq%201&$skip=2"
    )
    server.answers = [
        answered({"value": [{"N": 1}, {"N": 2}], "@odata.nextLink": elsewhere}),
        answered({"value": [{"N": 3}]}),
    ]
    assert [row["N"] for row in server.client().rows("AR/X", equal(A=1))] == [1, 2, 3]
    assert dict(server.requests[1].args) == {"$filter": "A eq 1", "$skip": "2"}
    assert server.requests[1].host == server.requests[0].host


def test_session_cookies_are_kept(server: Server) -> None:
    cookie = {"Set-Cookie": "ASP.NET_SessionId=abc; path=/"}
    server.answers = [answered({"value": []}, 200, **cookie)]
    client = server.client()
    client.rows("AR/X")
    client.rows("AR/X")
    assert server.requests[1].headers["Cookie"] == "ASP.NET_SessionId=abc"


def test_an_empty_reply_is_a_success_where_the_service_gives_none(server: Server) -> None:
    server.answers = [answered("", 204), answered("", 200)]
    client = server.client()
    with client.within(10):
        client.change(CUSTOMER, {"City": "X"})
        client.process("AR/ARPostInvoices", {})
        assert client.wrote


def test_a_record_that_is_not_there_is_none_and_a_module_that_is_not_there_is_told(
    server: Server,
) -> None:
    server.answers = [refused("RecordNotFound", 404), refused("ResourceNotFound", 404)]
    client = server.client()
    assert client.read(CUSTOMER) is None
    with pytest.raises(Unavailable) as info:
        client.read(CUSTOMER)
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert "AR" in info.value.detail


def test_a_refused_password_is_not_tried_again_until_it_changes(server: Server) -> None:
    server.answers = [refused("Unauthorized", 401, f"Unauthorized {PASSWORD}")]
    client = server.client()
    for _ in range(3):
        with pytest.raises(Unavailable) as info:
            client.read(CUSTOMER)
        assert info.value.reason is SystemReason.UNAUTHORISED
        assert PASSWORD not in info.value.detail
    assert len(server.requests) == 1
    server.password_file.write_text("ANOTHER", encoding="utf-8")
    server.answers = [answered({"CustomerNumber": "M1"})]
    assert client.read(CUSTOMER) == {"CustomerNumber": "M1"}


def test_a_refused_password_is_tried_again_after_a_long_pause(server: Server) -> None:
    server.answers = [refused("Unauthorized", 401)]
    client = server.client()
    for _ in range(2):
        with pytest.raises(Unavailable):
            client.read(CUSTOMER)
        server.seconds += server.connection.unauthorised_pause_s
    assert len(server.requests) == 2


def test_a_password_that_changes_while_the_old_one_is_refused_is_tried(server: Server) -> None:
    server.answers = [refused("Unauthorized", 401)]
    client, credentials = server.client(), Credentials(server.connection, lambda: server.seconds)
    credentials.header()
    server.password_file.write_text("ANOTHER", encoding="utf-8")
    credentials.refused("Unauthorized")
    assert credentials.header() == "Basic " + base64.b64encode(b"WEBAPI:ANOTHER").decode()
    with pytest.raises(Unavailable):
        client.read(CUSTOMER)


@pytest.mark.parametrize("status", [200, 500])
def test_neither_the_password_nor_the_header_that_holds_it_is_repeated(
    server: Server, status: int
) -> None:
    pair = base64.b64encode(f"WEBAPI:{PASSWORD}".encode()).decode()
    server.answers = [answered(f"<p>Authorization: Basic {pair} ({PASSWORD})</p>", status)]
    with pytest.raises(Transient) as info:
        server.client().read(CUSTOMER)
    shown = "".join(traceback.format_exception(info.value))
    assert "Authorization: Basic …" in info.value.detail
    assert pair not in shown
    assert PASSWORD not in shown


def test_a_throttled_server_is_left_alone_for_as_long_as_it_asks(server: Server) -> None:
    server.answers = [refused("TooManyRequests", 429, **{"Retry-After": "7"})]
    client = server.client()
    for _ in range(2):
        with pytest.raises(Unavailable) as info:
            client.read(CUSTOMER)
        assert info.value.reason is SystemReason.THROTTLED
    assert len(server.requests) == 1
    assert [fact.throttled for fact in server.facts if isinstance(fact, ApiCall)] == [True]
    server.seconds += 8
    server.answers = [answered({"CustomerNumber": "M1"})]
    assert client.read(CUSTOMER) is not None


def test_an_unknown_property_is_our_bug(server: Server) -> None:
    server.answers = [refused("InvalidPayload", 400, "The property 'X' does not exist.")]
    client = server.client()
    with pytest.raises(Fault) as info:
        client.create("AR/ARCustomers", {"X": 1})
    assert isinstance(client.failure(info.value, writing=True), Bug)


def test_500_when_reading_comes_again_and_when_writing_is_unknown(server: Server) -> None:
    server.answers = [refused("InternalServerError", 500)]
    client = server.client()
    with pytest.raises(Transient):
        client.rows("AR/X")
    with pytest.raises(Transient):
        client.only("CS/CSCompanyProfile")
    with pytest.raises(Transient):
        client.template("GL/GLPostJournal")
    with pytest.raises(Fault) as info:
        client.create("AR/X", {})
    assert isinstance(client.failure(info.value, writing=True), ServerFailed)


@pytest.mark.parametrize("body", ['{"value": 3}', "[]", '{"value": [', "<html>ok</html>", '"x"'])
def test_an_answer_that_cannot_be_read_concludes_nothing(server: Server, body: str) -> None:
    server.answers = [answered(body)]
    with pytest.raises(Transient):
        server.client().rows("AR/X")


@pytest.mark.parametrize("body", ["[]", '{"a": ', "<html>ok</html>", ""])
def test_a_write_whose_answer_cannot_be_read_is_unknown(server: Server, body: str) -> None:
    server.answers = [answered(body, 201)]
    with pytest.raises(OutcomeUnknown):
        server.client().create("AR/X", {})


@pytest.mark.parametrize("content", [{"CompanyName": "É"}, {"value": [{"CompanyName": "É"}]}])
def test_what_a_company_has_one_of_comes_alone_or_in_a_list(
    server: Server, content: dict[str, Any]
) -> None:
    server.answers = [answered(content)]
    assert server.client().only("CS/CSCompanyProfile")["CompanyName"] == "É"


def test_an_empty_list_where_there_must_be_one_concludes_nothing(server: Server) -> None:
    server.answers = [answered({"value": []})]
    with pytest.raises(Transient):
        server.client().only("CS/CSCompanyProfile")


def test_an_empty_page_is_not_the_last_one(server: Server) -> None:
    server.answers = [
        answered({"value": [], "@odata.nextLink": f"{server.root}/AR/X?$skip=100"}),
        answered({"value": [{"N": 101}]}),
    ]
    assert server.client().rows("AR/X") == [{"N": 101}]


@pytest.mark.parametrize("page", [[], [{"N": 1}]])
@pytest.mark.parametrize("link", ["?$skip=100", ""])
def test_pages_that_do_not_end_say_no_to_nothing(
    server: Server, page: list[Any], link: str
) -> None:
    again = f"{server.root}/AR/X{link}"
    server.answers = [answered({"value": page, "@odata.nextLink": again})]
    with pytest.raises(Transient) as info:
        server.client().rows("AR/X", equal(A=1))
    assert "do not end" in info.value.detail
    assert len(server.requests) == 2
