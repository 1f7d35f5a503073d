"""The files of containers: a pure file system made of an image's root and a pod's volumes."""
