"""CSAR: build, sign, verify, inspect, compare, convert."""
