"""Calls in a simulated cluster: into its programs, and from its API server to webhooks."""
