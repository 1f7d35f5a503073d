"""The controllers that keep pods running: Deployments, ReplicaSets, StatefulSets, DaemonSets."""
