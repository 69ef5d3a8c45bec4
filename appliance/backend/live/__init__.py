"""OpenAI Live (``gpt-live-1``): full duplex speech to speech; pure rules, the socket is shared."""
