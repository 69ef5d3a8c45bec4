"""What keeps the box from hearing itself: alignment of the reference, and linear cancellers."""
