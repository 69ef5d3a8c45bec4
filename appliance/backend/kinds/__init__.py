"""Every kind of backend there is, one module for each, by its name in ``backend.order``.

A kind (``seam.Kind``) says what it needs and what leaves the house with it, and opens sessions. To
add one of one's own: a package with an entry point in the group ``voice_appliance.backends`` whose
object is a ``Kind`` (docs/backends/own.md).
"""
