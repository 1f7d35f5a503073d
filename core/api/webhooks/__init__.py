"""Calls that the API server makes itself while it answers a request: admission webhooks."""
