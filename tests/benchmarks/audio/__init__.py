"""What the benchmarks of sound share: speech to play, rooms to play it in, and what to measure.

``corpus`` gets speech and music from Debian packages, ``acoustics`` is what a loudspeaker, a room
and two clocks do to them, ``scenes`` puts them together, ``metrics`` compares what came out with
what should have, ``engines`` are the cancellers compared, ``rig`` runs one engine over one scene,
``plots`` draws. The definitions are those of the research that chose the canceller, so that its
figures compare; nothing here is shipped.
"""
