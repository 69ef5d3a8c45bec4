"""Which certificates are believed."""

import functools
import ssl


@functools.cache
def machine_trust() -> ssl.SSLContext:
    """Read the certificates of the machine, once: 10 ms or more, so not on the event loop."""
    return ssl.create_default_context()
