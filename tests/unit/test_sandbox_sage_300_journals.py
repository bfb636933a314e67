"""Journal entries of the simulated Sage 300: (9) of sage-300.md, section 15."""

import pytest

from tests.sandbox_sage_300_driver import Driver, journal, journal_batch

BATCHES = "GL/GLJournalBatches"


@pytest.fixture
def driver():
    return Driver()


def test_9_numbers_are_padded_texts(driver):
    made = driver.made(BATCHES, journal_batch(journal(), journal("2025-05-31")))
    assert (made["BatchNumber"], made["Status"], made["ReadyToPost"]) == ("000001", "Open", "No")
    assert [h["EntryNumber"] for h in made["JournalHeaders"]] == ["00001", "00002"]
    lines = made["JournalHeaders"][0]["JournalDetails"]
    assert [d["TransactionNumber"] for d in lines] == ["0000000020", "0000000040"]
    assert (made["TotalDebits"], made["TotalCredits"]) == (40.0, 40.0)
    assert driver.read(f"{BATCHES}('000001')")["BatchNumber"] == "000001"
    assert driver.call("GET", f"{BATCHES}(1)").code == "InvalidEntityKey"


def test_9_the_posting_date_of_each_entry_decides_its_period(driver):
    batch = driver.post_journal(journal("2025-04-30"), journal("2026-01-31", 20.01))
    found = [(h["FiscalYear"], h["FiscalPeriod"]) for h in batch["JournalHeaders"]]
    assert found == [("2025", "04"), ("2026", "01")]
    rows = driver.rows("GL/GLPostedTransactions?$filter=JournalDetailReference eq 'INV-2025-0193'")
    assert sorted(r["JournalTransactionAmount"] for r in rows) == [-20.01, -20.0, 20.0, 20.01]
    assert {r["BatchNumber"] for r in rows} == {"000001"}
    assert driver.offences() == []


def test_9_an_entry_without_posting_date_lands_on_today(driver):
    header = {k: v for k, v in journal("2025-04-30").items() if k != "PostingDate"}
    made = driver.made(BATCHES, journal_batch(header))
    assert made["JournalHeaders"][0]["PostingDate"] == "2025-06-15T00:00:00Z"
    assert driver.offences() == ["posting_date_missing"]


def details(*lines):
    return [{"AccountNumber": account, "Amount": amount} for account, amount in lines]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"JournalDetails": details(("2400", 20.0), ("4100", -19.99))}, "RecordInvalid"),
        ({"JournalDetails": []}, "RecordInvalid"),
        ({"JournalDetails": details(("9999", 5.0), ("4100", -5.0))}, "FieldInvalid"),
        ({"JournalDetails": details(("1100", 5.0), ("4100", -5.0))}, "FieldInvalid"),
        ({"JournalDetails": details(("", 5.0), ("4100", -5.0))}, "FieldInvalid"),
        ({"JournalDetails": [{"Amount": 5.0}]}, "RecordInvalid"),
        ({"SourceType": "ZZ"}, "FieldInvalid"),
        ({"PostingDate": "2031-01-01"}, "FieldInvalid"),
        ({"Description": "x" * 61}, "FieldInvalid"),
        ({"Inconnu": 1}, "InvalidPayload"),
    ],
)
def test_9_what_an_entry_may_not_be_is_refused(driver, changes, code):
    assert driver.refused(BATCHES, journal_batch({**journal(), **changes})) == code


def test_9_one_of_the_two_amounts_is_enough_and_separators_are_dropped(driver):
    driver.accountant(
        create={
            "resource": "GLAccounts",
            "record": {"UnformattedAccount": "4100100", "AccountNumber": "4100-100"},
        }
    )
    lines = details(("4100-100", 5.0), ("4200", -5.0))
    made = driver.made(BATCHES, journal_batch({**journal(), "JournalDetails": lines}))
    found = made["JournalHeaders"][0]["JournalDetails"][0]
    assert (found["AccountNumber"], found["SourceCurrencyAmount"]) == ("4100100", 5.0)


def test_9_an_account_where_posting_is_prohibited_is_refused(driver):
    driver.accountant(
        alter={"resource": "GLAccounts", "key": ["2400"], "set": {"PostToAccount": "Prohibited"}}
    )
    answer = driver.call("POST", BATCHES, journal_batch())
    assert (answer.status, "not permitted" in answer.message) == (409, True)


def test_9_a_period_locked_after_entry_makes_an_error_batch_that_the_entry_points_at(driver):
    made = driver.made(BATCHES, journal_batch(journal("2025-04-30"), journal("2025-05-31")))
    driver.ready(f"{BATCHES}('000001')")
    driver.accountant(lock={"modules": ["GL"], "year": "2025", "periods": [5]})
    driver.process_journal(made["BatchNumber"])
    batch = driver.read(f"{BATCHES}('000001')")
    assert (batch["Status"], batch["NumberOfErrors"]) == ("Posted", 1)
    found = [(h["ErrorBatch"], h["ErrorEntry"]) for h in batch["JournalHeaders"]]
    assert found == [(0, 0), (2, 1)]
    error = driver.read(f"{BATCHES}('000002')")
    assert (error["Status"], len(error["JournalHeaders"])) == ("Open", 1)
    assert "000001" in error["Description"]
    assert {r["FiscalPeriod"] for r in driver.rows("GL/GLPostedTransactions")} == {"04"}


@pytest.mark.parametrize("by", ["ReadyToPost", "Status", "either"])
def test_a_batch_is_made_ready_by_one_property_or_the_other(by):
    driver = Driver(gl_ready_by=by)
    bodies = {"ReadyToPost": {"ReadyToPost": "Yes"}, "Status": {"Status": "ReadyToPost"}}
    for name, body in bodies.items():
        number = driver.made(BATCHES, journal_batch())["BatchNumber"]
        rest = f"{BATCHES}('{number}')"
        answer = driver.call("PATCH", rest, body)
        accepted = by in (name, "either")
        assert answer.status == (204 if accepted else 409)
        found = driver.read(rest)
        expected = ("ReadyToPost", "Yes") if accepted else ("Open", "No")
        assert (found["Status"], found["ReadyToPost"]) == expected
        if accepted:
            assert driver.refused(rest, {"Description": "x"}, "PATCH") == "RecordInvalid"


def test_the_parameters_of_the_process_have_other_names_in_some_versions():
    driver = Driver(gl_post_from="FromBatch", gl_post_to="ToBatch")
    assert driver.post_journal(journal())["Status"] == "Posted"
    wrong = {"BatchNumberFrom": "000001", "BatchNumberTo": "000001"}
    assert driver.refused("GL/GLPostJournal('$process')", wrong) == "InvalidPayload"
    text = {"FromBatch": "abc", "ToBatch": "abc"}
    assert driver.refused("GL/GLPostJournal('$process')", text) == "InvalidPayload"


def test_details_of_an_entry_are_patched_by_their_number(driver):
    number = driver.made(BATCHES, journal_batch())["BatchNumber"]
    rest = f"{BATCHES}('{number}')"
    changed = [
        {"UpdateOperation": "Update", "TransactionNumber": key, "Amount": amount}
        | {"SourceCurrencyAmount": amount}
        for key, amount in (("0000000020", 7.0), ("0000000040", -7.0))
    ]
    entry = {"UpdateOperation": "Update", "EntryNumber": "00001", "JournalDetails": changed}
    driver.expect(204, "PATCH", rest, {"JournalHeaders": [entry]})
    assert driver.read(rest)["TotalDebits"] == 7.0
    assert driver.offences() == []
