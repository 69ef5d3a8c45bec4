"""Gemini Live: its messages, and the rules of a session. Pure."""
