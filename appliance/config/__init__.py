"""The settings: their model, and how they are read."""

from appliance.config.load import Loaded, load
from appliance.config.model import Config

__all__ = ["Config", "Loaded", "load"]
