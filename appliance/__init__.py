"""The voice appliance: a box in the room that one can talk with.

Two streets lead through this package.

The way of a frame: ``audio`` (card → ring) → ``hearing`` (a thread: ``enhance`` → ``detect``) →
``conversation`` (the event loop; decides by ``turn``) → ``backend`` → ``conversation`` → ``audio``
(ring → card, which counts what was really played).

The way of a tool call: ``backend`` → ``conversation`` → ``tools`` (known? arguments fit? risk?) →
``mqtt`` (published once, confirmed by the house) → back the same way; answered exactly once.

``ports`` names the seams, ``app`` joins what is behind them, ``cli`` is the command.
"""
