"""Several microphones: where they are, which work, who talks from where, and one sound of all."""
