"""The refusals of the Web API, with the codes a client sorts them by.

Codes and messages: dataverse.md section 5 and Microsoft's "web-api-client-errors" page. A
`Refusal` becomes `{"error": {"code": …, "message": …}}` with its HTTP status.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Refusal(Exception):
    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)
    offence: str = ""  # its code, when the call was also bad manners

    def __str__(self) -> str:
        return f"{self.status} {self.code} {self.message}"


def syntax(message: str) -> Refusal:
    return Refusal(400, "0x0", message)


def no_property(name: str, table: str) -> Refusal:
    return Refusal(
        400,
        "0x0",
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.",
        offence="unknown_property",
    )


def no_segment(name: str) -> Refusal:
    return Refusal(
        404, "0x8006088A", f"Resource not found for the segment '{name}'.", offence="unknown_set"
    )


def incompatible(left: str, right: str, operator: str) -> Refusal:
    return syntax(
        "A binary operator with incompatible types was detected. Found operand types"
        f" '{left}' and '{right}' for operator kind '{operator}'."
    )


def payload(entity_set: str, inner: str) -> Refusal:
    return Refusal(
        400,
        "0x80048D19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', "
        f"---->  InnerException : Microsoft.OData.ODataException: {inner}",
    )


def not_found(table: str, row_id: str) -> Refusal:
    return Refusal(404, "0x80040217", f"Entity '{table}' With Id = {row_id} Does Not Exist")


def version_mismatch() -> Refusal:
    return Refusal(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
    )


def invalid(message: str) -> Refusal:
    return Refusal(400, "0x80040203", message)


def no_privilege(table: str, verb: str) -> Refusal:
    return Refusal(
        403,
        "0x80040220",
        f"Principal user is missing prv{verb}{table} privilege on OTC for entity '{table}'.",
    )


def not_allowed(method: str) -> Refusal:
    return Refusal(405, "0x8006088F", f"The HTTP method '{method}' is not supported here.")


def not_implemented(what: str) -> Refusal:
    return Refusal(501, "0x80060888", f"{what} is not supported.")
