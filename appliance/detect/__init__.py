"""Station 3 of a frame: finds the wake word, speech and the end of a turn.

``wake`` and ``embedding`` spot words in the wake tap all the time; ``speech`` finds the edges of
speech in the speech tap while somebody's turn is open, deciding by ``endpoint`` (pure).
"""
