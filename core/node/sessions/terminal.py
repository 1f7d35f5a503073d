"""A terminal's line discipline: what is typed is shown, and handed on line by line.

Source: POSIX.1-2024, General Terminal Interface (canonical mode; ICRNL, ECHO, ONLCR).
"""

from __future__ import annotations

from typing import Final

ERASE: Final = (0x08, 0x7F)
INTERRUPT: Final = 0x03
END_OF_FILE: Final = 0x04
KILL_LINE: Final = 0x15


class Terminal:
    """The line that is being typed."""

    def __init__(self) -> None:
        self._line = bytearray()
        self.lines: list[bytes] = []
        self.ended = False
        self.interrupted = False

    def typed(self, data: bytes) -> bytes:
        """Take what was typed; what is shown of it. Complete lines are in `lines` then.

        >>> terminal = Terminal()
        >>> terminal.typed(b"lx\\x7fs\\r"), terminal.lines
        (b'lx\\x08 \\x08s\\r\\n', [b'ls\\n'])
        """
        shown = bytearray()
        for byte in data:
            if byte in (0x0D, 0x0A):
                self.lines.append(bytes(self._line) + b"\n")
                self._line.clear()
                shown += b"\r\n"
            elif byte in ERASE:
                if self._line:
                    self._line.pop()
                    shown += b"\b \b"
            elif byte == INTERRUPT:
                self._line.clear()
                self.interrupted = True
                shown += b"^C\r\n"
            elif byte == KILL_LINE:
                shown += b"\b \b" * len(self._line)
                self._line.clear()
            elif byte == END_OF_FILE:
                if self._line:
                    self.lines.append(bytes(self._line))
                    self._line.clear()
                else:
                    self.ended = True
            else:
                self._line.append(byte)
                shown.append(byte)
        return bytes(shown)


def on_screen(data: bytes) -> bytes:
    """Output as a terminal gets it.

    >>> on_screen(b"a\\nb\\r\\n")
    b'a\\r\\nb\\r\\n'
    """
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
