"""Shelly, second generation and later: asked by RPC what it is → things.

``components`` makes things of a device's status and settings, ``readings`` those that only tell;
``rpc`` reads notifications and writes requests; ``dialect`` sees devices and asks them.
"""
