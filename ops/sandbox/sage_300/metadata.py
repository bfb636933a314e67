"""`$metadata` of a module: the resources and properties of this version, as OData says them.

In: a module, options. Out: EDMX 4.0. Enumerations and dates are given as the texts they travel as.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from ops.sandbox.sage_300.fields import Field
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.processes import properties as process_properties
from ops.sandbox.sage_300.properties import Properties
from ops.sandbox.sage_300.resources import DETAILS, PROCESS, RESOURCES, details_of

_TYPES = {
    "amount": "Edm.Decimal",
    "rate": "Edm.Decimal",
    "number": "Edm.Int32",
    "day": "Edm.DateTimeOffset",
}


def metadata(module: str, options: Options) -> str:
    """The document."""
    own = [one for one in RESOURCES.values() if one.module == module]
    types = []
    for one in own:
        process = one.verbs == PROCESS
        held = process_properties(one.name, options) if process else one.properties
        types.append(_type("EntityType", one.name, held, one.keys))
    own_date = options.receipt_posting_date
    types += [_type("ComplexType", name, details_of(name, own_date)) for name in DETAILS]
    sets = "".join(f'<EntitySet Name="{r.name}" EntityType="Sage.{r.name}"/>' for r in own)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
        '<edmx:DataServices><Schema Namespace="Sage"'
        ' xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f"{''.join(types)}<EntityContainer Name={quoteattr(module)}>{sets}</EntityContainer>"
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )


def _type(tag: str, name: str, properties: Properties, keys: tuple[str, ...] = ()) -> str:
    refs = "".join(f'<PropertyRef Name="{key}"/>' for key in keys)
    key = f"<Key>{refs}</Key>" if refs else ""
    inner = "".join(_property(one, owned) for one, owned in properties.items())
    return f'<{tag} Name="{name}">{key}{inner}</{tag}>'


def _property(name: str, owned: Field) -> str:
    if owned.kind == "details":
        return f'<Property Name="{name}" Type="Collection(Sage.{owned.entity})"/>'
    length = f' MaxLength="{owned.length}"' if owned.length else ""
    return f'<Property Name="{name}" Type="{_TYPES.get(owned.kind, "Edm.String")}"{length}/>'
