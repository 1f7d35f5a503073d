"""Probes: what each kind of handler asks a container, and what it makes of the answer."""
