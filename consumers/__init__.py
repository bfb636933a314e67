"""Speaks accounting: takes records from the broker, keeps order, puts each once in the books."""
