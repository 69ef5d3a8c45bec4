"""Shows the configuration in effect: what counts now, and where each value was set."""

from appliance.config import fields, write
from appliance.config.load import Loaded

MASK = "********"


def show(loaded: Loaded) -> str:
    """Return the settings as TOML that ``load`` takes; a secret only as a comment, masked."""
    origin = str(loaded.path) if loaded.path is not None else "none; these are the defaults"
    lines = ["# The configuration in effect.", f"# File: {origin}"]
    for table, section in fields.entries():
        lines += ["", f"[{table}]"]
        values = getattr(loaded.config, table)
        lines += [
            _line(name, getattr(values, name), secret=fields.is_secret(info), source=source)
            for name, info in section.model_fields.items()
            for source in [_source(loaded, f"{table}.{name}")]
        ]
    return "\n".join(lines) + "\n"


def _source(loaded: Loaded, key: str) -> str:
    if key in loaded.sources:
        return loaded.sources[key]
    inside = [source for each, source in loaded.sources.items() if each.startswith(f"{key}[")]
    return inside[0] if inside else "default"


def _line(name: str, value: object, *, secret: bool, source: str) -> str:
    if value is None:
        setting = f"# {name} is not set"
        return setting if source == "default" else f"{setting}  # {source}"
    setting = f'# {name} = "{MASK}"' if secret else f"{name} = {write.value(value)}"
    return f"{setting:<40}  # {source}"
