"""What is written on a Secret whose token somebody used: the day.

Source: kubernetes v1.36, pkg/serviceaccount/legacy.go (patchSecretWithLastUsedDate).
"""

from __future__ import annotations

from typing import Final

from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.commands import Patch
from kelm.effects.document import Document

LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
DAY_MS: Final = 24 * 3_600_000


def day(at_ms: int) -> str:
    """The day of a time, as labels have it.

    >>> day(1_767_225_600_000)
    '2026-01-01'
    """
    return format_time(at_ms)[:10]


def day_ms(text: str) -> int | None:
    """When a day begins, None for what is no day.

    >>> day_ms("2026-01-01"), day_ms("2026-02-30"), day_ms("soon")
    (1767225600000, None, None)
    """
    try:
        at_ms = parse_time(f"{text}T00:00:00Z")
    except ValueError:
        return None
    return at_ms if day(at_ms) == text else None


def used(secret: Document, now_ms: int) -> Patch | None:
    """What to write because a Secret's token was used, None where that stands there already."""
    meta = metadata(secret)
    noted = (meta.labels or {}).get(LAST_USED)
    if noted in (day(now_ms), day(now_ms + DAY_MS)):
        return None
    return labelled(meta, LAST_USED, day(now_ms))


def labelled(meta: Metadata, name: str, value: str) -> Patch:
    """A patch that puts a label on this very Secret."""
    labels = Document({name: value})
    patch = Document(metadata=Document(uid=meta.uid, labels=labels))
    return Patch("secrets", meta.namespace, meta.name, patch)
