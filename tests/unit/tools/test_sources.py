"""Folders of manifests, with things in them that are none."""

import os
from pathlib import Path

from appliance.tools.sources import load_folder


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "nowhere.toml").symlink_to(tmp_path / "gone")
    manifests, problems = load_folder([tmp_path])
    assert manifests == ()
    assert problems == (
        f"{tmp_path}/folder.toml: cannot be read: not a file",
        f"{tmp_path}/nowhere.toml: cannot be read: No such file or directory",
        f"{tmp_path}/pipe.toml: cannot be read: not a file",
    )
