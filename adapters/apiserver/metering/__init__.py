"""What Prometheus may ask of a served API server."""
