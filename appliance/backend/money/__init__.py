"""What the conversation costs: prices, what was spent on which day, and how far that may go."""
