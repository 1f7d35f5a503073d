"""kelm: Kubernetes as a pure function.

The public names are loaded when they are first used, so that `import kelm.core` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kelm.adapters.simulator.cluster import Cluster, NotConverged, Refused, Settings

__version__ = "0.1.0"
__all__ = ["Cluster", "NotConverged", "Refused", "Settings", "__version__"]


def __getattr__(name: str) -> object:
    if name in ("Cluster", "NotConverged", "Refused", "Settings"):
        from kelm.adapters.simulator import cluster

        return getattr(cluster, name)
    raise AttributeError(f"module 'kelm' has no attribute {name!r}")
