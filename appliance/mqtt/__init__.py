"""The house: messages to and from its broker.

``bridge`` implements ``ports.ActionBus`` and keeps a connection up; ``connection`` is one
connection and its thread; ``dialling`` decides, purely, when to try again and with which version
of the protocol; ``failure`` says in plain words why a broker cannot be used; ``presence`` is what
the appliance tells of itself and what it can be told.
"""
