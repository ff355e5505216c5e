"""Networks ready to run: in torch as they are, in other runtimes rearranged and compiled."""
