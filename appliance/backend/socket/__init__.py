"""One session over one WebSocket, whatever is spoken on it.

``client`` carries texts and keeps the time; a vendor's rules (``rules.Rules``) are a pure object:
messages in, messages and events out. Shared by every speech-to-speech backend.
"""
