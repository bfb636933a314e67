"""Request ids, limits and batches of the simulated QuickBooks Online: (22) to (24) of the list."""

import pytest

from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import Options
from tests.sandbox_qbo_driver import REALM, Driver, paying, sale


def test_22_a_repeated_request_id_gets_the_first_answer_even_after_later_edits():
    driver = Driver()
    first = driver.write("Customer", {"DisplayName": "Anne"}, requestid="q-1")
    made = first.json["Customer"]
    names = {"Id": made["Id"], "SyncToken": "0", "DisplayName": "Anne B."}
    driver.made("Customer", names)
    again = driver.write("Customer", {"DisplayName": "Anne"}, requestid="q-1")
    assert again.body == first.body
    assert len(driver.found("Customer", "select * from Customer")) == 1
    assert driver.read("Customer", made["Id"])["DisplayName"] == "Anne B."
    assert driver.offences() == []


def test_22_updates_voids_and_deletes_are_replayed_too():
    driver = Driver()
    customer = driver.customer()
    payment = driver.made("Payment", paying(customer, "50"))
    names = {"Id": payment["Id"], "SyncToken": "0"}
    void = {"operation": "update", "include": "void", "requestid": "v-1"}
    first = driver.write("Payment", names, **void)
    assert driver.write("Payment", names, **void).body == first.body
    names = {"Id": payment["Id"], "SyncToken": "1"}
    gone = driver.write("Payment", names, operation="delete", requestid="d-1")
    again = driver.write("Payment", names, operation="delete", requestid="d-1")
    assert again.body == gone.body
    assert again.status == 200


@pytest.mark.parametrize(("choice", "code"), [("replay", None), ("fault", 600)])
def test_22_a_request_id_with_another_body_is_an_offence(choice, code):
    driver = Driver(Options(other_body_same_requestid=choice))
    first = driver.write("Customer", {"DisplayName": "Anne"}, requestid="q-1")
    other = driver.write("Customer", {"DisplayName": "Luc"}, requestid="q-1")
    if code:
        assert other.code == code
    else:
        assert other.body == first.body
    assert driver.offences() == ["requestid_reused"]


def test_22_a_request_id_is_at_most_50_characters():
    driver = Driver()
    assert driver.write("Customer", {"DisplayName": "A"}, requestid="x" * 50).status == 200
    answer = driver.write("Customer", {"DisplayName": "B"}, requestid="x" * 51)
    assert answer.code == 2130
    assert driver.offences() == ["requestid_too_long"]


@pytest.mark.parametrize("replayed", [False, True])
def test_22_a_refusal_may_or_may_not_be_replayed(replayed):
    driver = Driver(Options(replay_faults=replayed))
    driver.accountant(BookCloseDate="2025-12-31")
    customer = driver.customer()
    body = sale(customer)
    assert driver.write("Invoice", body, requestid="i-1").code == 6200
    driver.accountant(BookCloseDate=None)
    again = driver.write("Invoice", body, requestid="i-1")
    assert (again.status == 400) is replayed


def test_22_a_request_id_belongs_to_one_company_and_survives_a_restart(tmp_path):
    path = tmp_path / "qbo.sqlite"
    store = Store(path)
    first = Driver(store=store).write("Customer", {"DisplayName": "Anne"}, requestid="q-1")
    store.close()
    store = Store(path)
    reborn = Driver(store=store)
    again = reborn.write("Customer", {"DisplayName": "Anne"}, requestid="q-1")
    assert again.body == first.body
    assert reborn.read("Customer", first.json["Customer"]["Id"])["DisplayName"] == "Anne"
    assert reborn.write("Customer", {"DisplayName": "ANNE"}).code == 6240
    store.close()


def test_22_a_refused_write_leaves_no_trace_in_books_or_indexes():
    driver = Driver()
    customer = driver.customer()
    invoice = driver.invoice(customer, DocNumber="F-1")
    before = driver.admin("GET", "/dump").json
    driver.write("Payment", paying(customer, "5", ("Invoice", invoice, "500")))
    driver.write("Invoice", sale(customer, DocNumber="F-1"))
    assert driver.admin("GET", "/dump").json == before
    assert len(driver.found("Invoice", "select * from Invoice where DocNumber = 'F-1'")) == 1


def test_23_the_eleventh_call_in_a_second_is_throttled():
    driver = Driver()
    driver.step_s = 0.01
    answers = [driver.call("GET", "preferences") for _ in range(11)]
    assert [a.status for a in answers] == [200] * 10 + [429]
    last = answers[-1]
    assert last.code == 3001
    assert "ThrottleExceeded" in last.text
    assert last.headers["retry-after"] == "60"


def test_23_the_minute_and_the_batches_of_a_minute_have_their_own_limits():
    driver = Driver(Options(per_minute=20, batches_per_minute=2))
    driver.step_s = 0.5
    statuses = [driver.call("GET", "preferences").status for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    driver.seconds += 120
    body = {"BatchItemRequest": []}
    batches = [
        driver.call("POST", "batch", body=body, params={"requestid": f"b{n}"}).status
        for n in range(3)
    ]
    assert batches == [200, 200, 429]


def test_23_a_call_before_the_wait_is_over_is_refused_and_is_an_offence():
    driver = Driver(Options(per_minute=3))
    for _ in range(4):
        last = driver.call("GET", "preferences")
    assert last.status == 429
    driver.step_s = 0.5
    on_its_way = driver.call("GET", "preferences")
    assert on_its_way.status == 429
    assert driver.offences() == []
    driver.seconds += 30
    early = driver.call("GET", "preferences")
    assert early.status == 429
    assert int(early.headers["retry-after"]) < 60
    assert driver.offences() == ["call_during_throttle_wait"]
    driver.seconds += 60
    assert driver.call("GET", "preferences").status == 200
    assert len(driver.offences()) == 1


def test_23_the_throttle_may_be_a_403_and_come_without_retry_after():
    driver = Driver(Options(per_minute=1, throttle_status=403, retry_after=False))
    driver.call("GET", "preferences")
    answer = driver.call("GET", "preferences")
    assert (answer.status, answer.code) == (403, 3001)
    assert "retry-after" not in answer.headers


def test_23_reads_above_the_months_quota_are_throttled_and_writes_are_not():
    driver = Driver(Options(monthly_reads=3))
    statuses = [driver.call("GET", "preferences").status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert driver.write("Customer", {"DisplayName": "A"}).status == 200
    driver.admin("POST", "/clock", {"advance_s": 32 * 86_400})
    driver.bearer = driver.admin("POST", "/tokens", {"realm": REALM}).json["access_token"]
    assert driver.call("GET", "preferences").status == 200


def test_23_the_limits_can_be_changed_while_it_runs():
    driver = Driver()
    assert driver.admin("POST", "/options", {"per_minute": 1}).json["per_minute"] == 1
    driver.call("GET", "preferences")
    assert driver.call("GET", "preferences").status == 429
    assert driver.admin("POST", "/options", {"per_hour": 1}).status == 400
    assert driver.admin("POST", "/options", {"per_minute": "x"}).status == 400
    assert driver.admin("GET", "/options").json["per_minute"] == 1


def batch(driver, *items, **params):
    body = {"BatchItemRequest": list(items)}
    wanted = {"requestid": "batch-1", **params}
    return driver.call("POST", "batch", body=body, params=wanted)


def item(label, operation, entity, body):
    return {"bId": label, "operation": operation, entity: body}


def test_24_each_item_of_a_batch_succeeds_or_fails_alone():
    driver = Driver()
    answer = batch(
        driver,
        item("1", "create", "Customer", {"DisplayName": "Anne"}),
        item("2", "create", "Customer", {"DisplayName": "ANNE"}),
        item("3", "create", "Customer", {"DisplayName": "Luc", "Courriel": "x"}),
        {"bId": "4", "Query": "select count(*) from Customer"},
        item("5", "explode", "Customer", {"DisplayName": "Zoé"}),
        {"bId": "6", "operation": "create", "Dragon": {}},
        item("7", "update", "Customer", {"DisplayName": "Zoé"}),
    )
    assert answer.status == 200
    one, two, three, four, five, six, seven = answer.json["BatchItemResponse"]
    assert one["Customer"]["DisplayName"] == "Anne"
    codes = [x["Fault"]["Error"][0]["code"] for x in (two, three, five, six, seven)]
    assert codes == ["6240", "2010", "500", "2010", "2020"]
    assert four["QueryResponse"] == {"totalCount": 1}
    assert [x["bId"] for x in answer.json["BatchItemResponse"]] == list("1234567")


def test_24_a_batch_updates_voids_and_deletes():
    driver = Driver()
    customer = driver.customer()
    invoice, payment = driver.invoice(customer), driver.made("Payment", paying(customer, "5"))
    names = {"Id": invoice["Id"], "SyncToken": "0"}
    void = item("1", "update", "Payment", {"Id": payment["Id"], "SyncToken": "0"})
    note = {**names, "PrivateNote": "x", "sparse": True}
    answer = batch(
        driver,
        {**void, "optionsData": "void"},
        item("2", "update", "Invoice", note),
        item("3", "delete", "Invoice", {**names, "SyncToken": "1"}),
    )
    voided, noted, gone = answer.json["BatchItemResponse"]
    assert voided["Payment"]["TotalAmt"] == 0
    assert noted["Invoice"]["PrivateNote"] == "x"
    assert gone["Invoice"]["status"] == "Deleted"


def test_24_a_repeated_batch_does_nothing_twice():
    driver = Driver()
    items = [item(str(n), "create", "Customer", {"DisplayName": f"M {n}"}) for n in range(3)]
    first = batch(driver, *items)
    again = batch(driver, *items)
    assert again.json["BatchItemResponse"] == first.json["BatchItemResponse"]
    assert len(driver.found("Customer", "select * from Customer")) == 3


def test_24_a_batch_is_limited_in_size_and_in_the_length_of_its_ids():
    driver = Driver()
    many = [item(str(n), "create", "Customer", {"DisplayName": f"M {n}"}) for n in range(31)]
    assert batch(driver, *many).code == 1040
    assert batch(driver, {**many[0], "bId": "x" * 11}).code == 2130
    assert batch(driver, many[0], requestid="x" * 37).code == 2130
    assert driver.call("POST", "batch", body={"Items": []}, params={"requestid": "b"}).code == 2010
    loose = driver.call("POST", "batch", body={"BatchItemRequest": [{**many[0], "bId": "y" * 36}]})
    assert loose.status == 200
    assert "requestid_missing" in driver.offences()


def test_25_an_edit_by_the_accountant_between_read_and_write_makes_the_write_stale():
    driver = Driver()
    customer = driver.customer()
    read = driver.read("Customer", customer["Id"])
    driver.accountant(entity="Customer", id=customer["Id"], set={"Notes": "appelée le 3"})
    stale = driver.write(
        "Customer", {"Id": read["Id"], "SyncToken": read["SyncToken"], "DisplayName": "Anne"}
    )
    assert stale.code == 5010
    assert driver.read("Customer", customer["Id"])["Notes"] == "appelée le 3"


def test_25_a_company_may_become_read_only_and_come_back():
    driver = Driver()
    customer = driver.customer()
    driver.accountant(read_only=True)
    answer = driver.write("Customer", {"DisplayName": "Luc"})
    assert (answer.status, answer.code) == (400, 6190)
    assert driver.read("Customer", customer["Id"])["Id"] == customer["Id"]
    refused = batch(driver, item("1", "create", "Customer", {"DisplayName": "Luc"}))
    assert refused.json["BatchItemResponse"][0]["Fault"]["Error"][0]["code"] == "6190"
    driver.accountant(read_only=False)
    driver.customer("Luc")


def test_25_the_closing_date_may_move_while_work_waits_and_does_not_stop_the_accountant():
    driver = Driver()
    customer = driver.customer()
    invoice = driver.invoice(customer, TxnDate="2025-03-14")
    driver.accountant(BookCloseDate="2025-03-31")
    assert driver.write("Invoice", sale(customer, TxnDate="2025-03-15")).code == 6200
    driver.accountant(entity="Invoice", id=invoice["Id"], set={"PrivateNote": "vu"})
    assert driver.read("Invoice", invoice["Id"])["PrivateNote"] == "vu"
    driver.accountant(BookCloseDate="2025-02-28")
    assert driver.invoice(customer, TxnDate="2025-03-15")["Id"]


def test_25_credits_may_apply_by_themselves_to_the_oldest_invoices():
    driver = Driver()
    driver.accountant(preferences={"SalesFormsPrefs": {"AutoApplyCredit": True}})
    customer = driver.customer()
    newer = driver.invoice(customer, "100", TxnDate="2025-03-02")
    older = driver.invoice(customer, "50", TxnDate="2025-03-01")
    memo = driver.made("CreditMemo", sale(customer, "80"))
    assert (memo["TotalAmt"], memo["Balance"]) == (91.98, 0)
    balances = [driver.read("Invoice", i["Id"])["Balance"] for i in (older, newer)]
    assert balances == [0, 80.49]
    left = driver.made("CreditMemo", sale(customer, "100"))
    assert left["Balance"] == 34.49
    next_one = driver.invoice(customer, "10", TxnDate="2025-04-01")
    assert next_one["Balance"] == 0
    dump = driver.admin("GET", "/dump").json[REALM]
    assert all(p["TotalAmt"] == 0 for p in dump["Payment"])


def test_25_the_accountant_creates_voids_and_deletes():
    driver = Driver()
    made = driver.accountant(entity="Customer", create={"DisplayName": "Fait main"})
    assert driver.write("Customer", {"DisplayName": "fait main"}).code == 6240
    customer = {"Id": made["Id"]}
    first, second = driver.invoice(customer), driver.invoice(customer)
    driver.accountant(entity="Invoice", id=first["Id"], action="void")
    assert driver.read("Invoice", first["Id"])["TotalAmt"] == 0
    driver.accountant(entity="Invoice", id=second["Id"], action="delete")
    assert driver.call("GET", f"invoice/{second['Id']}").code == 610
    gone = driver.accountant(entity="Customer", id=made["Id"], set={"Active": False})
    assert gone["Active"] is False
    assert driver.write("Invoice", sale(customer)).code == 6250


@pytest.mark.parametrize(
    "order",
    [
        {"realm": "0"},
        {"realm": REALM, "dragon": 1},
        {"realm": REALM, "entity": "Invoice", "id": "999", "action": "void"},
        {"realm": REALM, "entity": "Invoice"},
        {"realm": REALM, "entity": "Customer", "create": {"Nom": "x"}},
    ],
)
def test_25_an_order_that_cannot_be_done_says_why(order):
    answer = Driver().admin("POST", "/accountant", order)
    assert answer.status == 400
    assert answer.json["error"]


def test_money_stays_exact_over_many_small_payments():
    driver = Driver()
    customer = driver.customer()
    invoice = driver.invoice(customer, "1")
    assert invoice["TotalAmt"] == 1.15
    for _ in range(11):
        driver.made("Payment", paying(customer, "0.10", ("Invoice", invoice, "0.10")))
    answer = driver.call("GET", f"invoice/{invoice['Id']}")
    assert '"Balance":0.05' in answer.text


class FullDisc(Store):
    """A store whose disc is full when the request id is to be recorded."""

    full = False

    def put(self, kind, key, document):
        if self.full and kind.endswith("/_request"):
            raise OSError("no space left on device")
        super().put(kind, key, document)


def test_22_a_write_and_its_request_id_are_kept_together_or_not_at_all():
    store = FullDisc()
    driver = Driver(store=store)
    store.full = True
    with pytest.raises(OSError, match="no space"):
        driver.write("Customer", {"DisplayName": "Anne"}, requestid="q-1")
    store.full = False
    assert driver.found("Customer", "select * from Customer") == []
    assert driver.write("Customer", {"DisplayName": "Anne"}, requestid="q-1").status == 200
