"""Voices of services, as parts of a pipeline (``pipeline.parts.TextToSpeech``), one module each.

Those on a WebSocket have their rules in a pure module beside them and share ``carrier``; all of
them share ``sound``, which takes what is no PCM for what it is.
"""
