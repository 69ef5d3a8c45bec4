"""What is made of the canceller's output: the taps, and what is known of the echo in them."""
