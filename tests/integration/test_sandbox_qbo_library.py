"""The simulated QuickBooks Online under clients not written here: python-quickbooks, intuit-oauth.

Over TLS, through real sockets, with the libraries' own defaults wherever the service takes them.
"""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.exceptions import (
    AuthorizationException,
    ObjectNotFoundException,
    QuickbooksException,
    ValidationException,
)
from quickbooks.objects.base import LinkedTxn, Ref
from quickbooks.objects.company_info import CompanyInfo
from quickbooks.objects.creditmemo import CreditMemo
from quickbooks.objects.customer import Customer
from quickbooks.objects.detailline import SalesItemLine, SalesItemLineDetail
from quickbooks.objects.invoice import Invoice
from quickbooks.objects.payment import Payment, PaymentLine
from quickbooks.objects.preferences import Preferences
from quickbooks.objects.taxcode import TaxCode
from quickbooks.objects.taxrate import TaxRate

from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import loopback_certificate
from ops.sandbox.quickbooks_online import Options, default_company, quickbooks_system
from ops.sandbox.quickbooks_online.company import ITEM_DUES, TAX_GST_QST

REALM = "4620816365"
CALLBACK = "http://localhost:8765/callback"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def served(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca))
    system = quickbooks_system(
        Store(),
        client_id="cid",
        client_secret="secret",
        options=Options(per_second=1000, per_minute=10_000),
    )
    system.seed({"realms": {REALM: default_company("Association des Érables")}})
    with running(system, certificate=certificate) as one:
        yield one


@pytest.fixture
def auth(served):
    client = AuthClient("cid", "secret", CALLBACK, f"{served.url}/.well-known/openid_configuration")
    with client:
        yield client


def authorise(auth):
    """The browser's part: follows the authorise page to the callback, and reads its URL."""
    url = auth.get_authorization_url([Scopes.ACCOUNTING])
    answer = requests.get(url, allow_redirects=False, timeout=10)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == [auth.state_token]
    auth.get_bearer_token(query["code"][0], realm_id=query["realmId"][0])
    return query["code"][0]


@pytest.fixture
def qb(served, auth):
    authorise(auth)
    client = QuickBooks(
        auth_client=auth,
        refresh_token=auth.refresh_token,
        company_id=REALM,
        minorversion=75,
        use_decimal=True,
    )
    client.api_url_v3 = f"{served.url}/v3"
    yield client
    client.session.close()


def ref(value):
    made = Ref()
    made.value = value
    return made


def customer(qb, name):
    made = Customer()
    made.DisplayName = name
    return made.save(qb=qb)


def lines(*amounts):
    made = []
    for amount in amounts:
        line = SalesItemLine()
        line.Amount = Decimal(amount)
        line.SalesItemLineDetail = SalesItemLineDetail()
        line.SalesItemLineDetail.ItemRef = ref(ITEM_DUES)
        line.SalesItemLineDetail.TaxCodeRef = ref(TAX_GST_QST)
        line.SalesItemLineDetail.Qty = None
        line.SalesItemLineDetail.UnitPrice = None
        line.SalesItemLineDetail.ServiceDate = None
        made.append(line)
    return made


def sale(kind, buyer, *amounts, number=None):
    made = kind()
    made.CustomerRef = buyer.to_ref()
    made.TxnDate = "2025-03-14"
    made.DueDate = made.ShipDate = made.ExchangeRate = None
    made.DocNumber = number
    made.Line = lines(*amounts)
    return made


def payment(buyer, total, *links):
    made = Payment()
    made.CustomerRef = buyer.to_ref()
    made.TotalAmt = Decimal(total)
    made.TxnDate = "2025-03-20"
    for kind, document, amount in links:
        line = PaymentLine()
        line.Amount = Decimal(amount)
        link = LinkedTxn()
        link.TxnId, link.TxnType = document.Id, kind
        line.LinkedTxn = [link]
        made.Line.append(line)
    return made


def test_the_oauth_library_authorises_refreshes_and_revokes(served, auth):
    code = authorise(auth)
    first = auth.refresh_token
    assert auth.realm_id == REALM
    assert auth.expires_in == 3600
    with pytest.raises(AuthClientError) as again:
        auth.get_bearer_token(code)
    assert again.value.status_code == 400
    assert again.value.intuit_tid
    auth.refresh()
    assert auth.refresh_token != first
    with pytest.raises(AuthClientError):
        auth.refresh(refresh_token=first)
    assert auth.get_user_info().json()["sub"]
    assert auth.revoke()
    with pytest.raises(AuthClientError):
        auth.refresh()


def test_a_wrong_secret_is_refused(served):
    discovery = f"{served.url}/.well-known/openid_configuration"
    with (
        AuthClient("cid", "wrong", CALLBACK, discovery, refresh_token="r") as client,
        pytest.raises(AuthClientError) as refused,
    ):
        client.refresh()
    assert refused.value.status_code == 401


def test_an_expired_access_token_is_refused_until_refreshed(served, auth, qb):
    requests.post(f"{served.admin_url}/clock", json={"advance_s": 3601}, timeout=10)
    with pytest.raises(AuthorizationException):
        Preferences.get(qb=qb)
    auth.refresh()
    qb.session.close()
    qb._start_session()
    assert Preferences.get(qb=qb).SalesFormsPrefs.CustomTxnNumbers is True


def test_the_company_and_its_tax_codes_are_found_by_composition(qb):
    assert CompanyInfo.get(REALM, qb=qb).Country == "CA"
    rates = {rate.Id: rate.RateValue for rate in TaxRate.all(qb=qb)}
    matching = [
        code.Name
        for code in TaxCode.all(qb=qb)
        if sorted(rates[d.TaxRateRef.value] for d in code.SalesTaxRateList.TaxRateDetail)
        == [Decimal(5), Decimal("9.975")]
    ]
    assert matching == ["GST/QST QC - 9.975"]


@pytest.mark.parametrize("name", ["L'Écuyer d'Âge", "Cœur d’érable inc.", "Noël & Fils (1998)"])
def test_customers_with_accents_and_apostrophes_are_created_and_found(qb, name):
    made = customer(qb, name)
    (found,) = Customer.filter(DisplayName=name, qb=qb)
    assert (found.Id, found.DisplayName) == (made.Id, name)
    assert Customer.count(qb=qb) == 1


def test_a_name_ending_in_a_backslash_breaks_the_librarys_query_as_it_does_in_reality(qb):
    customer(qb, "Fin\\")
    with pytest.raises(ValidationException) as broken:
        Customer.filter(DisplayName="Fin\\", qb=qb)
    assert broken.value.error_code == 4000
    (found,) = Customer.where("DisplayName = 'Fin\\\\'", qb=qb)
    assert found.DisplayName == "Fin\\"


def test_a_duplicate_name_and_a_missing_object_raise_what_the_library_has_for_them(qb):
    customer(qb, "Anne Côté")
    with pytest.raises(QuickbooksException) as duplicate:
        customer(qb, "anne côté")
    assert duplicate.value.error_code == 6240
    with pytest.raises(ObjectNotFoundException):
        Customer.get(99999, qb=qb)


def test_the_second_save_of_an_object_meets_a_stale_token(qb):
    made = Customer()
    made.DisplayName = "Anne"
    fresh = made.save(qb=qb)
    fresh.Notes = "première"
    fresh.save(qb=qb)
    fresh.Notes = "seconde"
    with pytest.raises(QuickbooksException) as stale:
        fresh.save(qb=qb)
    assert stale.value.error_code == 5010
    assert Customer.get(fresh.Id, qb=qb).Notes == "première"


def test_an_invoice_is_paid_credited_and_its_payment_voided(qb):
    buyer = customer(qb, "Anne Côté")
    invoice = sale(Invoice, buyer, "100.00", "10.10", number="F-2025-1").save(qb=qb)
    assert (invoice.TotalAmt, invoice.TxnTaxDetail.TotalTax) == (
        Decimal("126.59"),
        Decimal("16.49"),
    )
    assert invoice.DueDate == "2025-04-13"
    memo = sale(CreditMemo, buyer, "10.10", number="NC-1").save(qb=qb)
    paid = payment(buyer, "50.00", ("Invoice", invoice, "50.00")).save(qb=qb)
    payment(buyer, "0", ("Invoice", invoice, "11.62"), ("CreditMemo", memo, "11.62")).save(qb=qb)
    now = Invoice.get(invoice.Id, qb=qb)
    assert now.Balance == Decimal("64.97")
    assert {link.TxnType for link in now.LinkedTxn} == {"Payment"}
    paid.void(qb=qb)
    assert Invoice.get(invoice.Id, qb=qb).Balance == Decimal("114.97")
    assert Payment.get(paid.Id, qb=qb).TotalAmt == 0
    (found,) = Invoice.filter(DocNumber="F-2025-1", qb=qb)
    assert found.Id == invoice.Id
    with pytest.raises(QuickbooksException) as duplicate:
        sale(Invoice, buyer, "1", number="F-2025-1").save(qb=qb)
    assert duplicate.value.error_code == 6140


def test_an_invoice_is_updated_whole_voided_and_deleted(qb):
    buyer = customer(qb, "Anne Côté")
    first = sale(Invoice, buyer, "100.00")
    first.Line[0].SalesItemLineDetail.Qty = 2
    first.Line[0].SalesItemLineDetail.UnitPrice = Decimal("50.00")
    invoice = first.save(qb=qb)
    invoice.PrivateNote = "membri"
    invoice.ShipDate = None  # the library puts "" back, here and below
    invoice.Line[0].SalesItemLineDetail.ServiceDate = None
    again = invoice.save(qb=qb)
    assert (again.TotalAmt, again.PrivateNote) == (Decimal("114.98"), "membri")
    again.void(qb=qb)
    voided = Invoice.get(invoice.Id, qb=qb)
    assert voided.TotalAmt == 0
    voided.delete(qb=qb)
    with pytest.raises(ObjectNotFoundException):
        Invoice.get(invoice.Id, qb=qb)


def test_the_librarys_defaults_that_the_service_refuses_are_refused(qb):
    buyer = customer(qb, "Anne Côté")
    memo = sale(CreditMemo, buyer, "10.00")
    memo.ExchangeRate = 0
    invoice = sale(Invoice, buyer, "10.00")
    invoice.Line[0].SalesItemLineDetail.Qty = 0
    invoice.Line[0].SalesItemLineDetail.UnitPrice = 0
    dated = sale(Invoice, buyer, "10.00")
    dated.DueDate = ""
    codes = []
    for document in (memo, invoice, dated):
        with pytest.raises(QuickbooksException) as refused:
            document.save(qb=qb)
        codes.append(refused.value.error_code)
    assert codes == [2090, 6070, 2060]


def test_a_request_id_makes_a_create_happen_once(qb):
    buyer = customer(qb, "Anne Côté")
    made = {sale(Invoice, buyer, "10.00").save(qb=qb, request_id="k-1").Id for _ in range(3)}
    assert len(made) == 1
    assert Invoice.count(qb=qb) == 1


def test_a_batch_of_the_library_creates_what_it_can(qb):
    wanted = []
    for number in range(35):
        each = Customer()
        each.DisplayName = f"Membre {number}"
        wanted.append(each)
    taken = Customer()
    taken.DisplayName = "membre 3"
    result = batch_create([*wanted, taken], qb=qb)
    assert len(result.successes) == 35
    assert [fault.Error[0].code for fault in result.faults] == ["6240"]
    assert Customer.count(qb=qb) == 35


def test_changes_are_captured_for_the_library(qb):
    customer(qb, "Anne Côté")
    since = Customer.all(qb=qb)[0].MetaData["CreateTime"]
    answer = qb.change_data_capture("Customer", since)
    (found,) = answer["CDCResponse"][0]["QueryResponse"][0]["Customer"]
    assert found["DisplayName"] == "Anne Côté"
