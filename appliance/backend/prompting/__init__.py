"""What every language model is told: itself, its tools, what they answered. Pure."""
