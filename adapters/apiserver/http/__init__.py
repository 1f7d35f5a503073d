"""HTTP/1.1 as Go's net/http speaks it, of which kube-apiserver is made."""
