"""Home Assistant itself judges how the box shows itself: ``python -m tests.homeassistant``.

It is installed from PyPI into an environment of its own (about 700 MB with what it needs to start,
so not for every run of the tests) and runs against a mosquitto and a box of ours. It must accept
the announcement without a warning, make every entity, show what is true, and its commands must
reach the box. The latest result is in docs/mqtt.md.
"""
