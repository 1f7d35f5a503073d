"""Edges of HTTP, and what a real API server answers there."""
