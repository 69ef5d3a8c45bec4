"""The OpenAI Realtime backend, and every server that speaks its protocol."""
