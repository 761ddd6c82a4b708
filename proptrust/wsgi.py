"""WSGI entry point: `gunicorn proptrust.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proptrust.settings")
application = get_wsgi_application()
