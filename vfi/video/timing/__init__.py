"""Which frames are shown when, and what lies between them."""
