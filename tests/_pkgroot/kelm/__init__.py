"""kelm: Kubernetes as a pure function."""

__version__ = "0.1.0"
