"""What the scheduler knows of nodes, pods and volumes, counted as they change."""
