"""Requests that go on to a machine, a pod or a container: logs, proxies, commands."""
