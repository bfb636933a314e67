"""The simulated Web API, used by Microsoft's own PowerPlatform-Dataverse-Client over TLS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msal
import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError

from tests.integration.sandbox_membri import CLIENT_ID, CLIENT_SECRET, Membri, open_membri


class MsalCredential:
    """A TokenCredential that asks MSAL, as a service would."""

    def __init__(self, membri: Membri) -> None:
        self._app = msal.ConfidentialClientApplication(
            CLIENT_ID,
            client_credential=CLIENT_SECRET,
            authority=membri.authority,
            instance_discovery=False,
            verify=str(membri.certificate.ca),
        )

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        answer = self._app.acquire_token_for_client(list(scopes))
        assert "access_token" in answer, answer
        return AccessToken(answer["access_token"], int(time.time()) + int(answer["expires_in"]))


@pytest.fixture
def membri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Membri]:
    with open_membri(tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.certificate.ca))
        yield running


@pytest.fixture
def client(membri: Membri) -> Iterator[DataverseClient]:
    with DataverseClient(membri.url, MsalCredential(membri)) as dataverse:
        yield dataverse


def pages(client: DataverseClient, **query: Any) -> list[list[str]]:
    return [
        [record["name"] for record in page]
        for page in client.records.list_pages("account", **query)
    ]


def test_the_sdk_creates_reads_updates_and_deletes(client: DataverseClient, membri: Membri) -> None:
    made = client.records.create(
        "account", {"name": "Éco L'Été", "creditlimit": 12.5, "membri_syncstatus": "À transférer"}
    )
    record = client.records.retrieve("account", made, select=["name", "membri_syncstatus"])
    assert record is not None
    assert (record["name"], record["membri_syncstatus"]) == ("Éco L'Été", 100000001)
    client.records.update("account", made, {"telephone1": "418 555-0100"})
    (row,) = membri.admin.get("/rows/accounts").json()
    assert (row["telephone1"], row["creditlimit"]) == ("418 555-0100", "12.50")
    client.records.delete("account", made)
    assert membri.admin.get("/rows/accounts").json() == []


def test_the_sdk_lists_page_by_page_with_a_filter(client: DataverseClient) -> None:
    ids = client.records.create("account", [{"name": f"Membre {n}"} for n in range(5)])
    assert len(ids) == 5
    client.records.create("account", {"name": "Autre"})
    found = pages(
        client, select=["name"], filter="startswith(name,'membre')", orderby=["name"], page_size=2
    )
    assert found == [["Membre 0", "Membre 1"], ["Membre 2", "Membre 3"], ["Membre 4"]]


def test_the_sdk_updates_several_at_once(client: DataverseClient, membri: Membri) -> None:
    ids = client.records.create("account", [{"name": "A"}, {"name": "B"}])
    client.records.update("account", ids, {"address1_city": "Québec"})
    cities = [row["address1_city"] for row in membri.admin.get("/rows/accounts").json()]
    assert cities == ["Québec", "Québec"]


def test_the_sdk_sends_a_batch_with_a_change_set(client: DataverseClient, membri: Membri) -> None:
    batch = client.batch.new()
    with batch.changeset() as change_set:
        made = change_set.records.create("contact", {"lastname": "Tremblay"})
        change_set.records.create(
            "account", {"name": "Scierie", "primarycontactid@odata.bind": made}
        )
    batch.records.list("account", select=["name"])
    result = batch.execute()
    assert not result.has_errors, [r.error_message for r in result.failed]
    (account,) = membri.admin.get("/rows/accounts").json()
    (contact,) = membri.admin.get("/rows/contacts").json()
    assert account["_primarycontactid_value"] == contact["contactid"]
    assert result.responses[-1].data["value"][0]["name"] == "Scierie"


def test_the_sdk_reads_tables_and_columns(client: DataverseClient) -> None:
    info = client.tables.get("membri_payment")
    assert info is not None
    assert info["entity_set_name"] == "membri_payments"
    assert info["primary_id_attribute"] == "membri_paymentid"
    columns = client.tables.list_columns("invoice", select=["LogicalName", "AttributeType"])
    types = {column["LogicalName"]: column["AttributeType"] for column in columns}
    assert types["membri_syncstatus"] == "Picklist"
    assert types["totalamount"] == "Money"
    assert types["customerid"] == "Customer"


def test_the_sdk_reads_the_errors(client: DataverseClient, membri: Membri) -> None:
    with pytest.raises(HttpError) as refused:
        client.records.create("account", {"name": "x" * 161})
    assert refused.value.status_code == 400
    assert refused.value.details["service_error_code"] == "0x80044331"
    membri.options(requests_limit=0, retry_after_s=9)
    with pytest.raises(HttpError) as throttled:
        client.records.create("account", {"name": "x"})
    assert throttled.value.status_code == 429
    assert throttled.value.details["retry_after"] == 9
