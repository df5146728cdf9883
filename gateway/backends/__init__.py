"""Archives behind the gateway: one protocol, an implementation a kind of archive."""
