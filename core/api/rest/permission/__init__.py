"""What a request needs permission for beside its verb on its resource."""
