"""What an input holds: its frames, their times, colours and rates."""
