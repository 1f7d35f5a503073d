"""What a kubelet does for a whole pod."""
