"""Joins everything: the only package that names concrete classes.

``detectors`` and ``answers`` load the models, ``house`` opens the way to the broker and its tools,
``indicators`` the lights and short sounds, ``sound`` the card and the hearing thread; ``box`` puts
them together into one running appliance, live or on a recording.
"""
