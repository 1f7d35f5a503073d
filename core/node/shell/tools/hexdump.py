"""`hexdump`: bytes as numbers, sixteen on a line.

Source: hexdump(1) of util-linux and busybox: `-C` for bytes with their characters, no option for
little-endian words; lines that repeat the one before are a `*`; the end's offset stands last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.node.programs.process import STDOUT, Process, Say
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import complain, inputs, options

WIDTH: Final = 16


def canonical(offset: int, data: bytes) -> str:
    """A line of `hexdump -C`.

    >>> canonical(16, bytes.fromhex("cafebabed0feff41"))
    '00000010  ca fe ba be d0 fe ff 41                           |.......A|'
    """
    halves = "  ".join(data[at : at + 8].hex(" ") for at in (0, 8)).rstrip()
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{offset:08x}  {halves:48}  |{shown}|"


def words(offset: int, data: bytes) -> str:
    """A line of plain `hexdump`: words of two bytes, the lower byte first, filled up with blanks.

    >>> words(0, bytes.fromhex("cafeba"))
    '0000000 feca 00ba                              '
    """
    pairs = (int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2))
    return f"{offset:07x} {' '.join(f'{pair:04x}' for pair in pairs):39}"


def dump(data: bytes, canonically: bool) -> str:
    """All lines; nothing at all where there is nothing.

    >>> print(dump(bytes(33), canonically=True), end="")
    00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
    *
    00000020  00                                                |.|
    00000021
    """
    line: Callable[[int, bytes], str] = canonical if canonically else words
    lines: list[str] = []
    for at in range(0, len(data), WIDTH):
        piece = data[at : at + WIDTH]
        if at == 0 or piece != data[at - WIDTH : at]:
            lines.append(line(at, piece))
        elif lines[-1] != "*":
            lines.append("*")
    if data:
        lines.append(f"{len(data):0{8 if canonically else 7}x}")
    return "".join(f"{each}\n" for each in lines)


def _hexdump(shell: Shell, given_words: Words) -> Process:
    given, paths = options(given_words)
    if unknown := [letter for letter in given if letter != "C"]:
        return (yield from complain("hexdump", f"invalid option -- '{unknown[0]}'"))
    found, code = yield from inputs(shell, "hexdump", paths)
    yield Say(STDOUT, dump(b"".join(data for _, data in found), "C" in given).encode())
    return code


HEXDUMP: Final[dict[str, Tool]] = {"hexdump": _hexdump}
