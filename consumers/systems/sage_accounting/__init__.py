"""Sage Accounting (Sage Comptabilité), API v3.1: what it knows stands in its reference page."""
