"""What the gateway tells of itself: log lines, metrics, and the tasks that outlive a request."""
