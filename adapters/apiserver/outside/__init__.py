"""Calls that a served API server makes over a real network."""
