"""Devices that claims ask for: what there is on a node, and who gets which."""
