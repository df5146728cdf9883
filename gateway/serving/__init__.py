"""How a process serves: sockets, the event loop, signals, the end; alone or one of several."""
