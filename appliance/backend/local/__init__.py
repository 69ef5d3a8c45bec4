"""The on-device backend: speech to text to calls to text to speech, all quantized."""
