"""Quantities and names that must not be mistaken for one another."""

from typing import NewType

Seconds = NewType("Seconds", float)
"""A length of time, or a moment on the clock of the session."""

SampleIndex = NewType("SampleIndex", int)
"""Position of a sample on the capture clock, at ``frames.RATE``; 0 is the start of the stream."""

SampleRate = NewType("SampleRate", int)
"""Samples per second and channel."""

TurnNumber = NewType("TurnNumber", int)
"""Counts the user's turns since the start."""

ResponseId = NewType("ResponseId", str)
"""Names one reply of a backend."""

CallId = NewType("CallId", str)
"""Names one tool call of a backend."""
