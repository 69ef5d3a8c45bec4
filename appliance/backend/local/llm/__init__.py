"""A language model on the box, behind the deterministic stages of understanding."""
