"""What the server says of itself.

Source: kubernetes v1.36, `/version` of an API server.
"""

from __future__ import annotations

from typing import Final

from kelm.effects.document import Document, document

VERSION: Final[Document] = document(
    {
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.2",
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-07-01T00:00:00Z",
        "goVersion": "go1.26.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
)
"""The version of Kubernetes whose API this is. There is no Go and no commit behind it."""
