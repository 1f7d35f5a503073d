"""A real API server and etcd, built from their modules and started on loopback."""
