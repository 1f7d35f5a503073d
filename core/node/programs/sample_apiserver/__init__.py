"""Kubernetes' sample API server: flunders and fischers of wardle.example.com, in its own store."""
