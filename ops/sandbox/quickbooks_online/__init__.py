"""A QuickBooks Online company file simulated over real sockets, with Intuit's OAuth beside it."""

from ops.sandbox.quickbooks_online.company import default_company
from ops.sandbox.quickbooks_online.options import Options
from ops.sandbox.quickbooks_online.system import QuickBooksSystem, issue_tokens, quickbooks_system

__all__ = ["Options", "QuickBooksSystem", "default_company", "issue_tokens", "quickbooks_system"]
