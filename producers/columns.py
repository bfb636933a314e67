"""The mapping file: which tables, columns and choice values Membri has.

What comes in: the packaged `membri.toml` and, over it, a user's file with the keys that differ.
What goes out: a `Mapping`. Refused: unknown keys, missing keys, values of the wrong type, two
statuses with one integer; the text names the file and the key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.records import InvoiceType, PaymentMethod
from schemas.statuses import Entity, Status


class MappingFault(Exception):
    """The mapping file cannot be used; the text says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lookup(_Part):
    """A column that points at a row of another table."""

    column: str
    navigation: str

    @property
    def value(self) -> str:
        """The name under which a read gives the id."""
        return lookup_value(self.column)


class AddressColumns(_Part):
    lines: tuple[str, ...] = ()
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country: str = ""

    @property
    def columns(self) -> list[str]:
        named = (*self.lines, self.city, self.province, self.postal_code, self.country)
        return [column for column in named if column]


class Table(_Part):
    """A table: logical name, entity set, primary key."""

    table: str
    set: str
    id: str


class SyncTable(Table):
    """A table whose rows carry a sync status, a reference and an error text."""

    status: str
    reference: str
    error: str


class CustomerTable(SyncTable):
    table: Literal["account", "contact"]
    name: str
    number: str = ""
    email: str = ""
    phone: str = ""
    new_account: str = ""
    currency: str = ""
    chapter: Lookup
    address: AddressColumns = AddressColumns()

    @property
    def columns(self) -> list[str]:
        """What a snapshot needs."""
        plain = (self.name, self.number, self.email, self.phone, self.new_account)
        sync = (self.status, self.reference, self.error)
        lookups = (self.chapter.value, lookup_value(self.currency))
        return _named(*plain, *sync, *lookups, *self.address.columns, "modifiedon")


class ColumnIs(_Part):
    """True where `column` has one of `values`."""

    column: str
    values: tuple[int, ...] = Field(min_length=1)


class InvoiceTable(SyncTable):
    number: str
    type: str
    date: str
    due_date: str = ""
    description: str = ""
    billing_name: str = ""
    discount: str = ""
    freight: str = ""
    gst: str
    qst: str
    total: str
    currency: str = ""
    lines: str
    paid: ColumnIs
    cancelled: ColumnIs
    customer: Lookup
    chapter: Lookup
    corrects: Lookup
    billing_address: AddressColumns = AddressColumns()

    @property
    def columns(self) -> list[str]:
        plain = (self.number, self.type, self.date, self.due_date, self.description)
        money = (self.discount, self.freight, self.gst, self.qst, self.total)
        billing = (self.billing_name, *self.billing_address.columns)
        sync = (self.status, self.reference, self.error)
        state = (self.paid.column, self.cancelled.column)
        lookups = (self.customer.value, self.chapter.value, self.corrects.value)
        currency = lookup_value(self.currency)
        return _named(*plain, *money, *billing, *sync, *state, *lookups, currency, "modifiedon")

    @property
    def reference_columns(self) -> list[str]:
        """What is needed of another invoice, to find it in the books and to know its chapter."""
        lookups = (self.chapter.value, self.customer.value)
        return _named(self.id, self.number, self.reference, self.status, *lookups)


class LineTable(Table):
    product: str = ""
    description: str = ""
    details: str = ""
    quantity: str
    unit_price: str
    base_amount: str
    discount: str = ""
    tax: str = ""
    extended_amount: str
    gst: str
    qst: str
    position: str = ""

    @property
    def columns(self) -> list[str]:
        texts = (self.product, self.description, self.details, self.position)
        money = (self.base_amount, self.discount, self.tax, self.extended_amount)
        return _named(*texts, self.quantity, self.unit_price, *money, self.gst, self.qst)


class PaymentTable(SyncTable):
    number: str = ""
    amount: str
    date: str
    method: str = ""
    currency: str = ""
    invoice: Lookup
    customer: Lookup

    @property
    def columns(self) -> list[str]:
        plain = (self.number, self.amount, self.date, self.method)
        sync = (self.status, self.reference, self.error)
        lookups = (self.invoice.value, self.customer.value, lookup_value(self.currency))
        return _named(*plain, *sync, *lookups, "modifiedon")


class ChapterTable(Table):
    name: str


class CurrencyTable(Table):
    code: str


class Choices(_Part):
    """The integer of each choice value. A type or method that is left out is never met."""

    status: dict[Status, int]
    invoice_type: dict[InvoiceType, int]
    payment_method: dict[PaymentMethod, int]

    @field_validator("status", "invoice_type", "payment_method")
    @classmethod
    def _one_meaning_each(cls, values: dict[Any, int]) -> dict[Any, int]:
        if len(set(values.values())) != len(values):
            raise ValueError("two values have the same integer")
        return values

    @model_validator(mode="after")
    def _all_statuses(self) -> Self:
        # En revue exists only where the settings turn review on.
        missing = set(Status) - {Status.IN_REVIEW} - set(self.status)
        if missing:
            raise ValueError(f"status lacks {', '.join(sorted(missing))}")
        return self


class Mapping(_Part):
    choices: Choices
    customer: CustomerTable
    invoice: InvoiceTable
    line: LineTable
    payment: PaymentTable
    chapter: ChapterTable
    currency: CurrencyTable

    def table(self, entity: Entity) -> SyncTable:
        """The table of an entity. KeyError for journal entries, which Membri does not hold."""
        return {
            Entity.ACCOUNT: self.customer,
            Entity.INVOICE: self.invoice,
            Entity.PAYMENT: self.payment,
        }[entity]

    def status_of(self, value: int | None) -> Status | None:
        """The status of a choice value; None when it is empty or not one of the mapped ones."""
        return next((s for s, number in self.choices.status.items() if number == value), None)


ENTITIES = (Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT)
"""What Membri holds, in the order in which it must go."""


def lookup_value(column: str) -> str:
    """The name under which a read gives the id of a lookup column; empty for none."""
    return f"_{column}_value" if column else ""


def load_mapping(path: Path | None = None) -> Mapping:
    """The packaged mapping with the keys of `path` over it. Raises MappingFault."""
    merged = tomllib.loads(resources.files("producers").joinpath("membri.toml").read_text("utf-8"))
    if path is not None:
        try:
            merged = _merged(merged, tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise MappingFault(f"{path}: {error}") from error
    try:
        return Mapping.model_validate(merged)
    except ValidationError as error:
        found = "; ".join(_problems(error))
        raise MappingFault(f"{path or 'membri.toml'}: {found}") from error


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` wins key by key. A table of choices replaces the packaged one whole, so that an
    environment may lack some of them."""
    result = dict(below)
    for key, value in above.items():
        if key == "choices" and isinstance(value, dict):
            result[key] = {**result[key], **value}
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _problems(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_url=False, include_input=False):
        where = ".".join(str(step) for step in found["loc"]) or "the whole"
        yield f"{where}: {found['msg']}"


def _named(*columns: str) -> list[str]:
    return list(dict.fromkeys(column for column in columns if column))
