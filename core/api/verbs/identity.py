"""Uids: text that looks drawn and is computed.

Every number of a store is given once; mixed with the store's seed it becomes a uid. Two clusters
of one seed and one history have the same uids.
"""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 128) - 1
_STEP: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
_MIX: Final = 0xDA942042E4DD58B5D4C0F1F1A3F2B1C7


def _mixed(seed: int, number: int) -> int:
    """128 bits in which every bit of both numbers has a say."""
    bits = (number * _STEP + (seed << 64) + seed) & _MASK
    bits = ((bits ^ (bits >> 67)) * _MIX) & _MASK
    return ((bits ^ (bits >> 61)) * _STEP) & _MASK


def uid(seed: int, number: int) -> str:
    """The uid that goes with a number, in the form of a random UUID (version 4).

    >>> uid(0, 1), uid(0, 2) == uid(1, 2)
    ('0e452184-785b-4219-915c-52b7323f5ad5', False)
    """
    text = f"{_mixed(seed, number):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-9{text[17:20]}-{text[20:]}"
