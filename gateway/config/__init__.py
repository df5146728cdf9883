"""The configuration: one frozen model a key of gateway.yaml, and how a file becomes one."""
