"""Pods that answer: an echo server, and a node on which Pods are processes."""
