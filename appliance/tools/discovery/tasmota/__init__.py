"""Tasmota: ``tasmota/discovery/<MAC>/config`` and ``/sensors`` → things.

``announced`` reads the settings and makes the topics, ``outputs`` makes relays, lights, shutters
and fans, ``measured`` makes sensors, ``terms`` says how Tasmota writes values, ``dialect`` keeps
what was announced.
"""
