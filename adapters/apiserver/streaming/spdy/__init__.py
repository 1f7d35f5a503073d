"""SPDY/3.1, as far as Kubernetes' streams use it: no well-kept library speaks it any more."""
