"""What one can touch and see: button, mute switch, lights.

``Panel`` opens what the configuration names. Where there are no pins, or none can be opened, it is
empty and the box runs all the same.
"""

from appliance.board.panel import BoardEvent, Panel

__all__ = ["BoardEvent", "Panel"]
