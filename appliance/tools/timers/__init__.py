"""Timers, alarms, reminders and actions for later: on the box, offline (docs/timers.md).

``machine`` decides, in the terms of ``model`` and by the clock's rules in ``clock``; ``saved`` is
its memory as JSON; ``keeper`` lives it in time; ``offer`` makes tools of it and ``telling`` the
sentences; ``messages`` are what the broker is told and may ask. All but ``keeper`` are pure.
"""
