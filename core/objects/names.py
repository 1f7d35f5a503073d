"""Generated names: hashes as letters, and fresh suffixes without dice.

The alphabet leaves out vowels and what looks alike, so that no suffix spells a word. A fresh
suffix comes from a counter: the mapping is one-to-one on 27**5 suffixes, so two names of one
prefix do not meet before 14 million were made, and every run of one seed makes the same.

Source: kubernetes v1.36, apimachinery/pkg/util/rand/rand.go, apiserver/pkg/storage/names/
generate.go, hash/fnv of Go.
"""

from __future__ import annotations

from functools import lru_cache

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

_FNV_OFFSET = 2_166_136_261
_FNV_PRIME = 16_777_619
_MASK = 0xFFFFFFFF

_SUFFIX_LENGTH = 5
_MAX_NAME_LENGTH = 63
_SUFFIXES = len(ALPHABET) ** _SUFFIX_LENGTH
_STRIDE = 8_867_845
"""Not divisible by 3, so that multiplying by it is one-to-one modulo 27**5."""


def fnv1_32(data: bytes, start: int = _FNV_OFFSET) -> int:
    """FNV-1 of 32 bits: multiply, then xor. `start` goes on from an earlier hash.

    >>> fnv1_32(b"a")
    84696446
    """
    value = start
    for byte in data:
        value = (value * _FNV_PRIME & _MASK) ^ byte
    return value


def fnv1a_32(data: bytes, start: int = _FNV_OFFSET) -> int:
    """FNV-1a of 32 bits: xor, then multiply. `start` goes on from an earlier hash.

    >>> fnv1a_32(b"a")
    3826002220
    """
    value = start
    for byte in data:
        value = (value ^ byte) * _FNV_PRIME & _MASK
    return value


def safe_encode(text: str) -> str:
    """A text in the alphabet of generated names, letter by letter.

    >>> safe_encode("1234567890")
    '56789bcdf4'
    """
    return "".join(ALPHABET[ord(char) % len(ALPHABET)] for char in text)


def hash_suffix(value: int) -> str:
    """A hash as it stands in names and labels."""
    return safe_encode(str(value))


def random_suffix(seed: int, counter: int) -> str:
    """Five letters for the `counter`-th name; another for every counter below 27**5.

    >>> random_suffix(0, 1), random_suffix(0, 2), random_suffix(1, 1)
    ('vrwz6', 'l7gpr', 'cx82x')
    """
    index = (counter * _STRIDE + _start(seed)) % _SUFFIXES
    letters = ""
    for _ in range(_SUFFIX_LENGTH):
        index, letter = divmod(index, len(ALPHABET))
        letters += ALPHABET[letter]
    return letters


@lru_cache(maxsize=64)
def _start(seed: int) -> int:
    return fnv1a_32(seed.to_bytes(8, "little", signed=True))


def generated_name(prefix: str, suffix: str) -> str:
    """The name of an object that asked for one with `generateName`.

    Source: storage/names/generate.go: a long prefix is cut so that the whole has 63 characters.

    >>> generated_name("web-", "x7k2p")
    'web-x7k2p'
    """
    return prefix[: _MAX_NAME_LENGTH - _SUFFIX_LENGTH] + suffix
