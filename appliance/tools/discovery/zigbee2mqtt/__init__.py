"""Zigbee2MQTT: what its bridge retains → things.

``parts`` is what one device can do, without topics; ``specific`` and ``generic`` read exposes into
parts, ``hints`` guesses what a relay moves; ``groups`` and ``scenes`` make parts of many devices;
``dialect`` keeps the bridge's lists and tells what has changed.
"""
