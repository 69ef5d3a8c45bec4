"""The machine we run on: systemd, the journal, its health."""
