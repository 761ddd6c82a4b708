# One image for the site and the worker; docs/deploy.md says how to run it.
FROM python:3.13-slim

# Pango lays out the PDF reports; DejaVu has figures that are all equally wide.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=proptrust.settings \
    PROPTRUST_PRODUCTION=1 \
    HOST=0.0.0.0 \
    PORT=8000

WORKDIR /srv/proptrust
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .

# The settings ask for these; nothing is encrypted, signed or connected while files are collected.
RUN SECRET_KEY=unused PROPTRUST_FIELD_KEYS=unused DATABASE_URL=postgresql://localhost/unused \
    python manage.py collectstatic --noinput \
    && useradd --system --no-create-home proptrust

USER proptrust
EXPOSE 8000

# The worker runs the same image with: python manage.py run_worker
CMD ["sh", "-c", "exec gunicorn proptrust.wsgi --bind $HOST:$PORT --workers ${WEB_CONCURRENCY:-2} --threads 4 --timeout 120 --no-control-socket --worker-tmp-dir /dev/shm --access-logfile -"]
