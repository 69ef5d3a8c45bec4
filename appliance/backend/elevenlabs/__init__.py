"""ElevenLabs Agents: its messages, and the rules of a session. Pure."""
