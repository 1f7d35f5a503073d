"""Defaults of claims for devices and of slices that offer them.

Source: kubernetes v1.36, pkg/apis/resource/v1/defaults.go. The time of a taint, which upstream
fills in by its clock, is left to whoever writes the taint.
"""

from __future__ import annotations

from kelm.core.api.defaulting.fill import filled, with_each, with_part
from kelm.core.api.defaulting.pod import with_metadata
from kelm.effects.document import Document


def _request(request: Document) -> Document:
    """A request for so many devices, one of them where it does not say how many."""
    full = filled(request, (("allocationMode", "ExactCount"),))
    if full.get("allocationMode") == "ExactCount" and not full.get("count"):
        full = Document({**full, "count": 1})
    return full


def _wanted(request: Document) -> Document:
    return with_each(with_part(request, "exactly", _request), "firstAvailable", _request)


def _spec(spec: Document) -> Document:
    return with_part(spec, "devices", lambda devices: with_each(devices, "requests", _wanted))


def claim(doc: Document) -> Document:
    return with_part(with_metadata(doc), "spec", _spec)


def template(doc: Document) -> Document:
    return with_part(with_metadata(doc), "spec", lambda spec: with_part(spec, "spec", _spec))
