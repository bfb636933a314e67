"""The mapping against the environment's own metadata, before anything is read or written.

What comes in: a client and a mapping. What goes out: findings, one for each thing looked at, each
mismatch with its remedy; and the ids of the configured chapters. Nothing is guessed: whatever
cannot be confirmed is a mismatch. Source: Microsoft, "Query table definitions using the Web API".
Rights to write cannot be tried without writing: the first outcome will tell.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from producers.columns import (
    CustomerTable,
    InvoiceTable,
    LineTable,
    Lookup,
    Mapping,
    PaymentTable,
    SyncTable,
    Table,
)
from producers.dataverse import (
    AuthFault,
    Dataverse,
    MembriError,
    MembriUnavailable,
    Query,
    Row,
    quoted,
)
from producers.membri import ERROR_LENGTH
from schemas.sentences import say
from schemas.statuses import LABELS_EN, LABELS_FR, Status

_CRM = "Microsoft.Dynamics.CRM."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when it is as expected."""

    subject: str
    ok: bool
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Discovery:
    """All findings. `error_length`: characters that the error column takes on every table;
    `chapter_ids`: Membri's id by chapter name, of those that were found."""

    findings: tuple[Finding, ...]
    error_length: int
    chapter_ids: dict[str, str]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)


@dataclass(frozen=True)
class _Definition:
    """What the metadata says of one table."""

    entity: Row
    attributes: dict[str, Row]
    lengths: dict[str, int]
    options: dict[str, dict[int, list[str]]]
    lookups: set[tuple[str, str]]
    collections: set[tuple[str, str]]


def discover(dataverse: Dataverse, mapping: Mapping, chapter_names: Sequence[str]) -> Discovery:
    """Looks at everything once. Raises AuthFault and MembriUnavailable: nothing is known then."""
    findings: list[Finding] = [_who_am_i(dataverse)]
    definitions: dict[str, _Definition] = {}
    sound: set[str] = set()
    for table in _tables(mapping):
        try:
            definition = _definition(dataverse, table)
        except (AuthFault, MembriUnavailable):
            raise
        except MembriError as error:
            findings.append(_bad(say("table {table}", table=table.table), str(error), _remedy()))
            continue
        definitions[table.table] = definition
        of_table = list(_check_table(table, mapping, definition))
        if all(finding.ok for finding in of_table):
            sound.add(table.table)
            of_table.append(_readable(dataverse, table))
        findings += of_table
    chapter_ids: dict[str, str] = {}
    if mapping.chapter.table in sound:
        chapter_ids, of_chapters = _chapters(dataverse, mapping, chapter_names)
        findings += of_chapters
    lengths = (
        definitions[table.table].lengths.get(table.error, ERROR_LENGTH)
        for table in _sync_tables(mapping)
        if table.table in definitions
    )
    return Discovery(tuple(findings), min(lengths, default=ERROR_LENGTH), chapter_ids)


def _who_am_i(dataverse: Dataverse) -> Finding:
    user = dataverse.get("WhoAmI").get("UserId")
    return Finding(
        say("identity"),
        ok=True,
        text=say("{url} knows us as user {user}", url=dataverse.url, user=user),
    )


def _tables(mapping: Mapping) -> list[Table]:
    others = (mapping.line, mapping.chapter, mapping.currency)
    return [*_sync_tables(mapping), *others]


def _sync_tables(mapping: Mapping) -> list[SyncTable]:
    return [mapping.customer, mapping.invoice, mapping.payment]


def _definition(dataverse: Dataverse, table: Table) -> _Definition:
    root = f"EntityDefinitions(LogicalName={quoted(table.table)})"
    names = ("EntitySetName", "PrimaryIdAttribute", "IsOptimisticConcurrencyEnabled")

    def listed(path: str, query: Query) -> list[Row]:
        return list(dataverse.get(f"{root}/{path}", query).get("value", []))

    attributes = Query(
        select=("LogicalName", "AttributeType", "IsValidForRead", "IsValidForUpdate")
    )
    many_to_one = Query(
        select=(
            "ReferencingAttribute",
            "ReferencedEntity",
            "ReferencingEntityNavigationPropertyName",
        )
    )
    one_to_many = Query(select=("ReferencingEntity", "ReferencedEntityNavigationPropertyName"))
    return _Definition(
        entity=dataverse.get(root, Query(select=("LogicalName", *names))),
        attributes={row["LogicalName"]: row for row in listed("Attributes", attributes)},
        lengths=_lengths(listed),
        options=_options(listed),
        lookups={
            (row["ReferencingAttribute"], row["ReferencingEntityNavigationPropertyName"])
            for row in listed("ManyToOneRelationships", many_to_one)
        },
        collections={
            (row["ReferencingEntity"], row["ReferencedEntityNavigationPropertyName"])
            for row in listed("OneToManyRelationships", one_to_many)
        },
    )


def _lengths(listed: Callable[[str, Query], list[Row]]) -> dict[str, int]:
    query = Query(select=("LogicalName", "MaxLength"))
    rows = [
        row
        for kind in ("String", "Memo")
        for row in listed(f"Attributes/{_CRM}{kind}AttributeMetadata", query)
    ]
    return {row["LogicalName"]: int(row["MaxLength"]) for row in rows if row.get("MaxLength")}


def _options(listed: Callable[[str, Query], list[Row]]) -> dict[str, dict[int, list[str]]]:
    """Choice column → value → its labels in all languages."""
    sets = {"OptionSet": ("Options",), "GlobalOptionSet": ("Options",)}
    query = Query(select=("LogicalName",), expand=sets)
    found: dict[str, dict[int, list[str]]] = {}
    for kind in ("Picklist", "Status"):
        for row in listed(f"Attributes/{_CRM}{kind}AttributeMetadata", query):
            options = (row.get("OptionSet") or row.get("GlobalOptionSet") or {}).get("Options")
            found[row["LogicalName"]] = {
                int(option["Value"]): _labels(option) for option in options or []
            }
    return found


def _labels(option: Row) -> list[str]:
    labels = (option.get("Label") or {}).get("LocalizedLabels") or []
    return [str(label.get("Label", "")) for label in labels]


def _check_table(table: Table, mapping: Mapping, found: _Definition) -> Iterator[Finding]:
    name = table.table
    yield _equal(say("set of {table}", table=name), table.set, found.entity.get("EntitySetName"))
    yield _equal(
        say("key of {table}", table=name), table.id, found.entity.get("PrimaryIdAttribute")
    )
    yield from _check_columns(table, _columns(table), found)
    yield from _check_navigation(table, mapping, found)
    yield from _check_choices(table, mapping, found)
    if isinstance(table, SyncTable):
        yield from _check_writing(table, found)


def _columns(table: Table) -> list[str]:
    """Every mapped column by its logical name."""
    if isinstance(table, CustomerTable | InvoiceTable | PaymentTable | LineTable):
        return [_logical(column) for column in table.columns]
    named = (getattr(table, "name", ""), getattr(table, "code", ""))
    return [column for column in named if column]


def _logical(column: str) -> str:
    return column.removeprefix("_").removesuffix("_value") if column.startswith("_") else column


def _check_columns(table: Table, columns: Iterable[str], found: _Definition) -> Iterator[Finding]:
    missing = [column for column in columns if column not in found.attributes]
    for column in missing:
        yield _bad(f"{table.table}.{column}", say("there is no such column"), _remedy())
    for column in columns:
        if column in found.attributes and not found.attributes[column]["IsValidForRead"]:
            yield _bad(f"{table.table}.{column}", say("this column cannot be read"), _remedy())
    if not missing:
        yield Finding(say("columns of {table}", table=table.table), ok=True, text=say("all there"))


def _check_navigation(table: Table, mapping: Mapping, found: _Definition) -> Iterator[Finding]:
    for lookup in _lookups(table):
        subject = f"{table.table}.{lookup.column} → {lookup.navigation}"
        names = sorted(nav for column, nav in found.lookups if column == lookup.column)
        if lookup.navigation in names:
            yield Finding(subject, ok=True, text=say("as expected"))
        else:
            told = ", ".join(names) or say("no relationship")
            yield _bad(subject, say("the metadata says: {names}", names=told), _remedy())
    if isinstance(table, InvoiceTable):
        subject = f"{table.table} → {table.lines}"
        if (mapping.line.table, table.lines) in found.collections:
            yield Finding(subject, ok=True, text=say("as expected"))
        else:
            yield _bad(
                subject,
                say("this is not the collection of {table}", table=mapping.line.table),
                _remedy(),
            )


def _lookups(table: Table) -> list[Lookup]:
    match table:
        case CustomerTable():
            return [table.chapter]
        case InvoiceTable():
            return [table.customer, table.chapter, table.corrects]
        case PaymentTable():
            return [table.invoice, table.customer]
        case _:
            return []


def _check_choices(table: Table, mapping: Mapping, found: _Definition) -> Iterator[Finding]:
    wanted: list[tuple[str, list[int]]] = []
    if isinstance(table, SyncTable):
        wanted.append((table.status, list(mapping.choices.status.values())))
        yield from _check_status_labels(table, mapping, found)
    if isinstance(table, InvoiceTable):
        wanted.append((table.type, list(mapping.choices.invoice_type.values())))
        wanted += [(one.column, list(one.values)) for one in (table.paid, table.cancelled)]
    if isinstance(table, PaymentTable) and table.method:
        wanted.append((table.method, list(mapping.choices.payment_method.values())))
    for column, values in wanted:
        subject = say("values of {column}", column=f"{table.table}.{column}")
        missing = sorted(set(values) - set(found.options.get(column, {})))
        if missing:
            yield _bad(
                subject,
                say("the choice lacks {values}", values=", ".join(map(str, missing))),
                _remedy(),
            )
        else:
            yield Finding(subject, ok=True, text=say("all there"))


def _check_status_labels(
    table: SyncTable, mapping: Mapping, found: _Definition
) -> Iterator[Finding]:
    """Two statuses exchanged would send what must not go: labels give that away. Labels that are
    neither Membri's French nor its English ones say nothing."""
    options = found.options.get(table.status, {})
    meanings = {_plain(text): s for labels in (LABELS_FR, LABELS_EN) for s, text in labels.items()}
    for status, value in mapping.choices.status.items():
        told = {meanings.get(_plain(label)) for label in options.get(value, [])} - {None, status}
        for other in sorted(one for one in told if one is not None):
            subject = f"{table.table}.{table.status} = {value}"
            text = say(
                "mapped to {status}, but its label is « {label} »",
                status=status,
                label=LABELS_FR[Status(other)],
            )
            yield _bad(subject, text, _remedy())


def _check_writing(table: SyncTable, found: _Definition) -> Iterator[Finding]:
    for column in (table.status, table.reference, table.error):
        attribute = found.attributes.get(column)
        if attribute is not None and not attribute["IsValidForUpdate"]:
            yield _bad(f"{table.table}.{column}", say("this column cannot be written"), _remedy())
    subject = say("versions of {table}", table=table.table)
    if found.entity.get("IsOptimisticConcurrencyEnabled"):
        yield Finding(subject, ok=True, text=say("optimistic concurrency is on"))
    else:
        remedy = say("have optimistic concurrency enabled on this table")
        yield _bad(subject, say("without it a person's change could be overwritten"), remedy)


def _readable(dataverse: Dataverse, table: Table) -> Finding:
    subject = say("right to read {table}", table=table.table)
    try:
        list(dataverse.rows(table.set, Query(select=(table.id,), top=1)))
    except (AuthFault, MembriUnavailable):
        raise
    except MembriError as error:
        return _bad(subject, str(error), _role_remedy())
    return Finding(subject, ok=True, text=say("granted"))


def _chapters(
    dataverse: Dataverse, mapping: Mapping, names: Sequence[str]
) -> tuple[dict[str, str], list[Finding]]:
    table = mapping.chapter
    ids: dict[str, str] = {}
    findings: list[Finding] = []
    for name in names:
        subject = say("chapter {name}", name=name)
        query = Query(select=(table.id,), filter=f"{table.name} eq {quoted(name)}", top=2)
        try:
            rows = list(dataverse.rows(table.set, query))
        except (AuthFault, MembriUnavailable):
            raise
        except MembriError as error:
            findings.append(_bad(subject, str(error), _role_remedy()))
            continue
        if len(rows) == 1:
            ids[name] = str(rows[0][table.id]).lower()
            findings.append(Finding(subject, ok=True, text=say("is {value}", value=ids[name])))
        else:
            told = (
                say("more than one chapter has this name")
                if rows
                else say("no chapter has this name")
            )
            remedy = say("write [[chapters]] name as it stands in Membri")
            findings.append(_bad(subject, told, remedy))
    return ids, findings


def _equal(subject: str, expected: str, found: object) -> Finding:
    if expected == found:
        return Finding(subject, ok=True, text=say("is {value}", value=expected))
    return _bad(
        subject,
        say("is {found}, the mapping says {expected}", found=found, expected=expected),
        _remedy(),
    )


def _remedy() -> str:
    return say("correct the mapping file ([membri] mapping)")


def _role_remedy() -> str:
    return say("give the application user a role that may read and write this table")


def _bad(subject: str, text: str, remedy: str) -> Finding:
    return Finding(subject, ok=False, text=text, remedy=remedy)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()
