"""Everything that this appliance raises on purpose.

The tree (a test compares it with the classes below):

* ApplianceError
    * ConfigError          the configuration is wrong: all problems at once
    * DeviceError          a sound card, a pin or a recording
        * RecordingError   a sound file that cannot be read
        * PictureError     a camera that gives no picture, or a file that is none
    * ModelError           a model is missing, changed or unfit
    * BrokerError          the MQTT broker cannot be used
    * BackendError         what answers the user
        * BackendUnavailable   it cannot be reached or has gone away; later it may be back
            * BackendStalled   it is there but does not answer in time
            * SessionOver      a session has ended between two turns; the next may begin
            * ProtocolViolation   what it sends cannot be understood
        * BackendRefused   it will not serve us until the configuration or the account changes
    * ManifestError        a tool manifest is wrong: all problems at once
    * ToolError            one tool call
        * ToolRejected     nothing was done
        * ToolTimedOut     it was asked for, but not confirmed
"""

from collections.abc import Sequence
from typing import ClassVar

from appliance.units import CallId, Seconds


class ApplianceError(Exception):
    """Base of every deliberate error.

    Attributes:
        code: Stable name, used in logs, in MQTT diagnostics and in docs/errors.md.
        retryable: Whether the same request may succeed if it is simply made again.
    """

    code: ClassVar[str] = "appliance"
    retryable: ClassVar[bool] = False


class ConfigError(ApplianceError):
    """The configuration is wrong; one line per problem, each with file, key and what to do."""

    code = "config"

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep every problem, in the order of the file."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DeviceError(ApplianceError):
    """A device of the box failed, was unplugged or is not there."""

    code = "device"
    retryable = True


class RecordingError(DeviceError):
    """A sound file cannot be read."""

    code = "recording"
    retryable = False


class PictureError(DeviceError):
    """There is no picture: the camera gives none, or the file is none.

    Attributes:
        reason: ``missing``, ``busy``, ``forbidden``, ``unfit`` (no camera, or no picture),
            ``late`` or ``failed``; a key of the phrases of the tool that looks.
    """

    code = "picture"

    def __init__(self, reason: str, problem: str) -> None:
        """Keep why, in one word, and the line for the operator."""
        super().__init__(problem)
        self.reason = reason


class ModelError(ApplianceError):
    """A model is missing, changed or unfit; the message says how to get it."""

    code = "model"


class BrokerError(ApplianceError):
    """The MQTT broker cannot be used; the message says why."""

    code = "broker"
    retryable = True


class BackendError(ApplianceError):
    """What answers the user failed."""

    code = "backend"


class BackendUnavailable(BackendError):
    """The backend cannot be reached or has gone away."""

    code = "backend.unavailable"
    retryable = True


class BackendStalled(BackendUnavailable):
    """The backend is connected but does not answer in time."""

    code = "backend.stalled"


class SessionOver(BackendUnavailable):
    """A session has ended between two turns, as the vendor's rules have it; the next may begin."""

    code = "backend.over"


class ProtocolViolation(BackendUnavailable):
    """The backend sends what nobody can understand."""

    code = "backend.protocol"


class BackendRefused(BackendError):
    """The backend will not serve us: a wrong key, no money left, a closed account.

    Trying again is of no use until the configuration or the account changes.
    """

    code = "backend.refused"

    def __init__(self, reason: str, advice: str) -> None:
        """Keep the vendor's word for it (``invalid_api_key``) and say what to do."""
        super().__init__(f"{reason}: {advice}")
        self.reason = reason
        self.advice = advice


class ManifestError(ApplianceError):
    """A tool manifest is wrong; one line per problem, each with file, key and what to do."""

    code = "manifest"

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        """Keep the file or topic and every problem in it."""
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
        self.source = source
        self.problems = tuple(problems)


class ToolError(ApplianceError):
    """A tool call could not be carried out."""

    code = "tool"

    def __init__(self, call: CallId, problem: str) -> None:
        """Keep the call and what was wrong; never what the user said."""
        super().__init__(problem)
        self.call = call


class ToolRejected(ToolError):
    """Unknown tool or unfit arguments; nothing was done."""

    code = "tool.rejected"


class ToolTimedOut(ToolError):
    """It was asked for but not confirmed in time; it may yet happen."""

    code = "tool.timeout"
    retryable = True

    def __init__(self, call: CallId, *, waited: Seconds) -> None:
        """Say how long we waited."""
        super().__init__(call, f"no confirmation within {waited:.1f} s")
        self.waited = waited
