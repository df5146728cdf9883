"""Outbound connections: pools, timeouts, and the names of their failures."""
