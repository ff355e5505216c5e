"""New frames: batches, times, tiles, and the threads around them."""
