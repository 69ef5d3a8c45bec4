"""Raw frames to clean taps: the second station of a frame's way."""
