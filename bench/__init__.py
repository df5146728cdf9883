"""Side-by-side benchmarks of the gateway; `python -m bench --help`."""
