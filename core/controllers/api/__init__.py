"""The controllers of the API server's own objects: API services, quotas, policies."""
