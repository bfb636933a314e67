"""JSON Schemas of every event and record, and the AsyncAPI document: generated, never edited."""
