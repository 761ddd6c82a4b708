"""Every worked story comes out as it says, to the cent, and leaves a journal that sums."""

from pathlib import Path

import pytest
from django.core.management import call_command

from tests.stories.playing import play
from tests.stories.reading import read

FILES = sorted((Path(__file__).parent / "files").glob("*.yaml"))


@pytest.mark.django_db
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_story_comes_out_as_it_says(path: Path) -> None:
    shown = play(read(path))

    assert not shown.wrong, "\n".join(shown.wrong)
    call_command("check_journal", verbosity=0)
