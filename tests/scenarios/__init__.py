"""Behaviours that Kubernetes' own integration tests check, each as a scenario of ours.

The scenario plays the kubelet itself where that is what is asked: pods are ready when it says so.
"""
