"""The controllers that delete: what has lost its owner, its namespace, its node."""
