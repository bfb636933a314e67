"""Sage 300 through its Web API: customers, invoices and credit notes, receipts, G/L entries."""
