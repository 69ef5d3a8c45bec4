"""Timers, alarms, reminders and calls for later: on the box, offline (docs/timers.md).

``machine`` decides, in the terms of ``model`` and by the clock's rules in ``clock``; ``saved`` is
its memory as JSON; ``keeper`` lives it in time. In front of it stands ``desk``: it takes what
people (``offer``, by ``wishes``), programs (``orders``) and models (``later``) ask for, and
answers in the sentences of ``telling``.
"""
