"""Every manifest in the documentation reads, and every call of it can be sent."""

import re
from pathlib import Path

import pytest

from appliance.tools.inspection import dry_run, sample_arguments
from appliance.tools.parse import parse_toml

DOCS = Path(__file__).parents[3] / "docs"
BLOCKS = re.findall(r"```toml\n(name = .*?)```", (DOCS / "cookbook.md").read_text(), re.DOTALL)


def test_there_are_ten() -> None:
    assert len(BLOCKS) == 10
    assert len({block.splitlines()[0] for block in BLOCKS}) == 10


@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: text.splitlines()[0].split('"')[1])
def test_a_manifest_of_the_cookbook_can_be_used_as_it_stands(text: str) -> None:
    manifest = parse_toml(text.encode(), source="cookbook")
    calls = sample_arguments(manifest)
    assert calls
    for arguments in calls:
        run = dry_run(manifest, arguments, replies="replies")
        assert run.problems == ()
        assert run.topic
        assert run.payload
