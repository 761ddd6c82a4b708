"""manage.py receive_file: bring a bank's files to a connection, as an upload in the admin does."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connectors import registry, services
from connectors.errors import Refused
from connectors.models import Connection


class Command(BaseCommand):
    help = "Store files of a bank for a connection; a task reads them. A file is stored once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
        parser.add_argument(
            "--connection", required=True, type=int, metavar="ID", help="its number in the admin"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Store each file and say whether it is new."""
        connection = Connection.objects.filter(pk=options["connection"]).first()
        if connection is None:
            raise CommandError(f"there is no connection {options['connection']}")
        if not registry.connector_class(connection.slug).is_file_based:
            raise CommandError(f"{connection} takes no files; its platform sends webhooks")
        for file in options["files"]:
            try:
                row = services.receive_file(connection, file.name, file.read_bytes())
            except OSError as error:
                raise CommandError(f"{file}: {error.strerror}") from None
            except Refused as refusal:
                raise CommandError(f"{file}: {refusal}") from None
            said = "stored" if row.times == 1 else f"known since {row.received_at:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{file}: {said}")
