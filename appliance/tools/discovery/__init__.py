"""The conventions of the house's brokers, a module or package each: announcements → things. Pure.

Each implements ``devices.model.Dialect``. Whatever they read was written by strangers: no payload
makes them raise, run long, or publish.
"""
