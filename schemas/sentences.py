"""Sentences of ours inside what people read of a failure, in the language of its readers.

What comes in: an English sentence with `{names}`, and values. What goes out: the sentence in the
language that `speak` was told, with the values. Refused: nothing; without `speak`, and for a
sentence that its catalogue lacks, English.

Details of refusals are kept as text: in the ledger, in dead letters and in Membri's error column,
so they are told once, where they arise, in the one language of the installation. A process says
which at its start, as with gettext's own `install`. Words of outside systems come as they are.
"""

from __future__ import annotations

from collections.abc import Callable


class _Speaker:
    """What this process translates with; nothing at first."""

    translate: Callable[[str], str] | None = None


def speak(translate: Callable[[str], str] | None) -> None:
    """From now on sentences are told as `translate` gives them; None: as they are in the code."""
    _Speaker.translate = translate


def say(text: str, /, **values: object) -> str:
    """`text` is a literal, so that catalogues find it, and holds its values as `{name}`."""
    told = _Speaker.translate(text) if _Speaker.translate is not None and text else text
    return told.format(**values)
