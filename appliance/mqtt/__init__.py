"""The house: messages to and from its broker.

``bridge`` implements ``ports.ActionBus`` and keeps a connection up; ``connection`` is one
connection and its thread; ``dialling`` decides, purely, when to try again and with which version
of the protocol; ``failure`` says in plain words why a broker cannot be used; ``presence`` is what
the appliance tells of itself, ``commands`` what it can be told and asked (``requests``: what is in
such a message, pure), ``announcement`` how it shows itself to Home Assistant (pure). ``schemas/``
has a JSON Schema for every message that we publish.
"""
