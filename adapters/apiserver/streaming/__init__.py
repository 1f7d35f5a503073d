"""Connections that stay open and carry several streams: exec, attach, port-forward, logs."""
