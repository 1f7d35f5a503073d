"""API services: who serves a group's version, this API server or somebody else in the cluster."""
