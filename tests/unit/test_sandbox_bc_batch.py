"""`$batch` of the simulated Business Central: (13) of its list."""

import pytest

from tests.sandbox_bc_driver import COMPANY, ROOT, Driver


@pytest.fixture
def driver():
    return Driver()


def create(number, name="X"):
    body = {"number": number, "displayName": name}
    return {"id": number, "method": "POST", "url": f"companies({COMPANY})/customers", "body": body}


def send(driver, *operations, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return driver.call("POST", f"{ROOT}/$batch", {"requests": list(operations)}, headers=named)


def statuses(answer):
    assert answer.status == 200
    return [one["status"] for one in answer.json["responses"]]


def numbers(driver):
    return [one["number"] for one in driver.read("customers")["value"]]


def test_13_it_stops_at_the_first_failure_and_keeps_what_came_before(driver):
    answer = send(driver, create("A"), create("B", ""), create("C"))
    assert statuses(answer) == [201, 400]
    assert answer.json["responses"][1]["body"]["error"]["code"] == "Application_DialogException"
    assert numbers(driver) == ["A"]


def test_13_continue_on_error_runs_them_all(driver):
    answer = send(
        driver, create("A"), create("B", ""), create("C"), Prefer="odata.continue-on-error"
    )
    assert statuses(answer) == [201, 400, 201]
    assert numbers(driver) == ["A", "C"]


def test_13_a_snapshot_is_taken_back_as_a_whole(driver):
    answer = send(driver, create("A"), create("B", ""), create("C"), Isolation="snapshot")
    assert statuses(answer) == [201, 400]
    assert numbers(driver) == []
    assert statuses(send(driver, create("A"), create("C"), Isolation="snapshot")) == [201, 201]


def test_13_a_post_action_commits_amid_a_snapshot(driver):
    made = driver.draft(driver.customer())
    post = {
        "id": "post", "method": "POST",
        "url": f"companies({COMPANY})/salesInvoices({made['id']})/Microsoft.NAV.post",
    }  # fmt: skip
    answer = send(driver, create("A"), post, create("B"), create("C", ""), Isolation="snapshot")
    assert statuses(answer) == [201, 204, 201, 400]
    assert numbers(driver) == ["M-00042", "A"]
    assert driver.read(f"salesInvoices({made['id']})")["status"] == "Open"


def test_13_no_more_than_a_hundred_operations_and_json_only_when_asked(driver):
    assert send(driver, *(create(f"M-{n}") for n in range(101))).status == 400
    assert numbers(driver) == []
    many = send(driver, create("A"), Accept=None)
    assert many.headers["content-type"].startswith("multipart/mixed")
