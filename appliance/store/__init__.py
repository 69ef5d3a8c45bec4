"""The models on disk: where they come from, that they are what they should be.

``ModelStore.default()`` is the way in. ``manifest`` is the list (pure), ``sources`` the kinds of
places that packages come from, ``ranged`` a remote file read in pieces that are kept, ``fetch``
gets files through these, ``recipes`` makes what is made on the machine, ``check`` looks at what is
on disk, ``record`` remembers what was seen, ``models`` is the store itself.
"""

from appliance.store.check import Problem
from appliance.store.manifest import Manifest, Model, ModelName, Progress
from appliance.store.models import ModelStatus, ModelStore
from appliance.store.place import default_manifest

__all__ = [
    "Manifest",
    "Model",
    "ModelName",
    "ModelStatus",
    "ModelStore",
    "Problem",
    "Progress",
    "default_manifest",
]
