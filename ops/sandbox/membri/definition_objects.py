"""The model as Dataverse's metadata objects: entities, attributes by type, relationships.

Source of the shapes: dataverse.md section 7 and Microsoft's "query metadata with the Web API" page.
Labels come in French and English; the user's own follows the base language.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.membri.choices import ENGLISH, FRENCH, Choice
from ops.sandbox.membri.metadata import PLAIN_TABLES, Column, Model, Table, stable_id

MetadataObject = dict[str, Any]
_CRM = "Microsoft.Dynamics.CRM."
_TYPES = {
    "string": "String", "memo": "Memo", "int": "Integer", "bigint": "BigInt", "decimal": "Decimal",
    "money": "Money", "bool": "Boolean", "date": "DateTime", "datetime": "DateTime",
    "choice": "Picklist", "state": "State", "status": "Status", "lookup": "Lookup",
    "customer": "Customer", "uuid": "Uniqueidentifier",
}  # fmt: skip
# The cast that carries each type's own properties: a customer column is a lookup there.
_CASTS = {**_TYPES, "customer": "Lookup", "uuid": "UniqueIdentifier"}
OPTION_SETS = ("OptionSet", "GlobalOptionSet")
ENTITY_NAVIGATIONS = (
    "Attributes", "ManyToOneRelationships", "OneToManyRelationships", "ManyToManyRelationships",
    "Keys",
)  # fmt: skip
ATTRIBUTE_PROPERTIES = frozenset(
    {
        "LogicalName", "SchemaName", "AttributeType", "AttributeTypeName", "IsValidForRead",
        "IsValidForUpdate", "IsValidForCreate", "RequiredLevel", "DisplayName", "Description",
        "IsPrimaryId", "IsPrimaryName", "IsCustomAttribute", "IsLogical", "EntityLogicalName",
        "AttributeOf", "MetadataId", "ColumnNumber", "HasChanged",
    }
)  # fmt: skip


def entity(table: Table, language: int) -> MetadataObject:
    return {
        "MetadataId": stable_id("entity", table.name),
        "LogicalName": table.name,
        "SchemaName": _schema_name(table.name),
        "EntitySetName": table.set_name,
        "LogicalCollectionName": table.set_name,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "IsOptimisticConcurrencyEnabled": table.concurrency,
        "ChangeTrackingEnabled": table.change_tracking,
        "IsCustomEntity": table.name.startswith("membri_"),
        "IsPrivate": False,
        "IsActivity": False,
        "IsLogicalEntity": False,
        "OwnershipType": "None" if table.name in PLAIN_TABLES else "UserOwned",
        "DisplayName": label(table.fr, table.en, language),
        "DisplayCollectionName": label(f"{table.fr}s", f"{table.en}s", language),
        "HasChanged": None,
    }


def attribute(table: Table, column: Column, language: int, position: int) -> MetadataObject:
    """All properties of one attribute; its type's cast under `@odata.type`."""
    level = "None"
    if "required" in column.flags or column.kind == "uuid":
        level = "SystemRequired"
    elif "recommended" in column.flags:
        level = "ApplicationRequired"
    found: MetadataObject = {
        "@odata.type": f"#{_CRM}{_CASTS[column.kind]}AttributeMetadata",
        "MetadataId": stable_id("attribute", table.name, column.name),
        "LogicalName": column.name,
        "SchemaName": _schema_name(column.name),
        "EntityLogicalName": table.name,
        "AttributeType": _TYPES[column.kind],
        "AttributeTypeName": {"Value": f"{_TYPES[column.kind]}Type"},
        "AttributeOf": None,
        "ColumnNumber": position,
        "IsPrimaryId": column.kind == "uuid",
        "IsPrimaryName": column.name == table.primary_name,
        "IsCustomAttribute": column.name.startswith("membri_"),
        "IsLogical": False,
        "IsValidForRead": True,
        "IsValidForCreate": column.creatable,
        "IsValidForUpdate": column.updatable,
        "RequiredLevel": {
            "Value": level,
            "CanBeChanged": level != "SystemRequired",
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "DisplayName": label(column.fr, column.en, language),
        "Description": label("", "", language),
        "HasChanged": None,
    }
    return {**found, **_of_its_type(table, column, language)}


def relationships(model: Model, table: Table) -> tuple[list[MetadataObject], list[MetadataObject]]:
    """The many-to-one and one-to-many relationships of a table."""
    many_to_one = [
        _relationship(model, table, column, target)
        for column in table.columns.values()
        for target in column.targets
    ]
    one_to_many = [
        _relationship(model, child, column, table.name)
        for child, column in model.pointing_at(table.name)
    ]
    return many_to_one, one_to_many


def label(fr: str, en: str, language: int) -> MetadataObject:
    labels = [
        {
            "Label": text,
            "LanguageCode": code,
            "IsManaged": True,
            "MetadataId": stable_id("label", fr, en, str(code)),
            "HasChanged": None,
        }
        for code, text in ((FRENCH, fr), (ENGLISH, en))
        if text
    ]
    own = next((found for found in labels if found["LanguageCode"] == language), None)
    return {"LocalizedLabels": labels, "UserLocalizedLabel": own}


def _of_its_type(table: Table, column: Column, language: int) -> MetadataObject:
    if column.kind in ("string", "memo"):
        kept_as = "Text" if column.kind == "string" else "TextArea"
        return {"MaxLength": column.max_length, "Format": kept_as, "ImeMode": "Auto"}
    if column.kind in ("money", "decimal"):
        limits = {"Precision": column.precision, "MinValue": -922337203685477}
        extra = {"PrecisionSource": 2, "IsBaseCurrency": column.name.endswith("_base")}
        return {**limits, "MaxValue": 922337203685477, **(extra if column.kind == "money" else {})}
    if column.kind in ("int", "bigint"):
        return {"MinValue": -(2**31), "MaxValue": 2**31 - 1}
    if column.kind in ("date", "datetime"):
        day = column.kind == "date"
        return {
            "Format": "DateOnly" if day else "DateAndTime",
            "DateTimeBehavior": {"Value": "DateOnly" if day else "UserLocal"},
        }
    if column.targets:
        return {"Targets": list(column.targets)}
    if column.kind == "bool":
        return {"DefaultValue": False, "OptionSet": _two_options(language), "GlobalOptionSet": None}
    if column.choice:
        return _option_sets(table, column, language)
    return {}


def _option_sets(table: Table, column: Column, language: int) -> MetadataObject:
    choice = column.options
    shared = column.kind == "choice" and column.name.startswith("membri_")
    name = f"membri_{choice.name}" if shared else f"{table.name}_{column.name}"
    found = {
        "MetadataId": stable_id("optionset", name),
        "Name": name,
        "IsGlobal": shared,
        "OptionSetType": _TYPES[column.kind],
        "Options": _options(choice, language),
    }
    return {
        "DefaultFormValue": -1,
        "OptionSet": found,
        "GlobalOptionSet": found if shared else None,
    }


def _options(choice: Choice, language: int) -> list[MetadataObject]:
    return [
        {
            "Value": option.value,
            "Label": label(option.fr, option.en, language),
            "Color": None,
            "IsManaged": True,
            **({} if option.state is None else {"State": option.state}),
        }
        for option in choice.options
    ]


def _two_options(language: int) -> MetadataObject:
    return {
        "OptionSetType": "Boolean",
        "TrueOption": {"Value": 1, "Label": label("Oui", "Yes", language)},
        "FalseOption": {"Value": 0, "Label": label("Non", "No", language)},
    }


def _relationship(model: Model, child: Table, column: Column, target: str) -> MetadataObject:
    parent = model.tables[target]
    collection = next(
        (
            c.nav
            for c in parent.collections.values()
            if c.table == child.name and c.column == column.name
        ),
        f"{target}_{child.name}_{column.name}",
    )
    name = f"{target}_{child.set_name}_{column.name}"
    return {
        "MetadataId": stable_id("relationship", name),
        "SchemaName": name,
        "RelationshipType": "OneToManyRelationship",
        "ReferencingEntity": child.name,
        "ReferencingAttribute": column.name,
        "ReferencingEntityNavigationPropertyName": column.targets[target],
        "ReferencedEntity": target,
        "ReferencedAttribute": parent.primary_id,
        "ReferencedEntityNavigationPropertyName": collection,
        "IsCustomRelationship": column.name.startswith("membri_"),
    }


def _schema_name(name: str) -> str:
    prefix, mark, rest = name.partition("_")
    return f"{prefix}_{rest.capitalize()}" if mark and prefix == "membri" else name.capitalize()
