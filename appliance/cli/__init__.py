"""The command ``voice-appliance``: one module for each word, ``docs/command.md`` for people."""
