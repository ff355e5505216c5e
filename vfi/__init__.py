"""RIFE video frame interpolation, pruned for low-resource machines."""
