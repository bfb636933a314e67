"""All that producers and consumers share: records, events, outcomes, statuses, reasons.

The modules of this folder do no I/O. `wire/` carries them over the broker.
"""
