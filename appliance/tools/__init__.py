"""The way of a tool call: found, checked, carried out, answered once.

``shape`` and ``parse`` read manifests into ``manifest.Manifest`` (``schema`` and ``templates`` say
what may stand in them); ``registry`` finds the tool that a call names and checks the call;
``guard`` has it pass the ``gate``, and ``audit`` says what is written down of it;
``house`` carries it out over ``ports.ActionBus`` with two pure parts, ``actions`` (call → message,
message → confirmation) and ``pending`` (which calls still await one); ``builtin`` needs no house.
``sources`` brings manifests from folders and from the broker. Carrying the messages is
``appliance.mqtt``'s business: the two packages do not know each other and meet in ``app``.
"""
