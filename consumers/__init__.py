"""Speaks accounting: takes records from the broker, keeps order, and puts each once in the books."""
