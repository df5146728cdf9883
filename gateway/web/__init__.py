"""HTTP: every header and path becomes one request object here, and every answer is written here."""
