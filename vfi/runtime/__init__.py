"""The same network in other runtimes."""
