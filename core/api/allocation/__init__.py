"""Cluster IPs and node ports: who gets which."""
