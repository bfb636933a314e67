"""The outside world over real sockets: Membri (Dataverse) and the accounting systems.

Shares no code with producers, consumers or schemas, so that it cannot share a bug with what it
tests.
"""
