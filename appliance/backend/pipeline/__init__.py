"""A backend made of three parts: speech to text, a mind, text to speech; local or services.

``parts`` are the seams, ``session`` joins any three of them to a ``ports.Backend``. The on-device
backend is this with the models of the box.
"""
