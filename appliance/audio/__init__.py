"""Sound in and out of the device: the first and the last station of a frame's way."""
