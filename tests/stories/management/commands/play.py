"""Play worked stories: `manage.py play first-month`, `play --all --markdown docs/stories`."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tests.stories import showing
from tests.stories.playing import Performance, play
from tests.stories.reading import StoryError, read
from tests.stories.scratch import schema
from tests.stories.verbs import verbs

FILES = Path(__file__).resolve().parents[2] / "files"


class Command(BaseCommand):
    """Runs stories on a scratch schema and prints what stood after each step."""

    help = "Play worked stories (docs/stories.md) and show bank, book and beneficiaries by step."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stories", nargs="*", help="Names of our stories, or paths of files.")
        parser.add_argument("--all", action="store_true", help="Every story of ours.")
        parser.add_argument("--verbs", action="store_true", help="What can happen in a story.")
        parser.add_argument("--json", action="store_true", help="Print JSON.")
        parser.add_argument("--markdown", type=Path, help="Write a page for each into a folder.")

    def handle(
        self, *args: Any, stories: Sequence[str], json: bool, markdown: Path | None, **options: Any
    ) -> None:
        if options["verbs"]:
            self.stdout.write("\n".join(_verbs()))
            return
        paths = sorted(FILES.glob("*.yaml")) if options["all"] else [_path(s) for s in stories]
        if not paths:
            names = ", ".join(sorted(path.stem for path in FILES.glob("*.yaml")))
            raise CommandError(f"name a story, or say --all; there are: {names}")
        try:
            told = [read(path) for path in paths]
            with schema():
                shown = [play(story) for story in told]
        except StoryError as error:
            raise CommandError(str(error)) from error
        if markdown is not None:
            self._write(shown, markdown)
        elif json:
            self.stdout.write(_dumped([showing.as_json(each) for each in shown]))
        else:
            self.stdout.write("\n\n".join(showing.as_text(each) for each in shown))
        if wrong := [each for one in shown for each in one.wrong]:
            raise CommandError(f"{len(wrong)} things are not as the stories say: {wrong[0]}")

    def _write(self, shown: Sequence[Performance], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for each in shown:
            (folder / f"{each.story.name}.md").write_text(showing.as_markdown(each))
        self.stdout.write(f"{len(shown)} pages in {folder}")


def _verbs() -> Iterator[str]:
    for name, function in verbs().items():
        yield f"{name}\n    {' '.join((function.__doc__ or '').split())}"


def _path(name: str) -> Path:
    path = Path(name) if name.endswith((".yaml", ".yml", ".json")) else FILES / f"{name}.yaml"
    if not path.exists():
        raise CommandError(f"there is no story {name}")
    return path


def _dumped(told: Sequence[Any]) -> str:
    return json.dumps(told[0] if len(told) == 1 else list(told), indent=2)
