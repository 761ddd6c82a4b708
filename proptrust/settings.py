"""Settings. Everything that differs between installations comes from the environment.

docs/deploy.md has the table of the variables.
"""

import json
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from proptrust import database

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = database.var_folder()


def _flag(name: str, *, default: bool) -> bool:
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


DEBUG = _flag("PROPTRUST_DEBUG", default=False)
# The sample mode: a made-up company, log-ins printed on the console, keys kept under var/.
SAMPLE_MODE = _flag("PROPTRUST_SAMPLE", default=False)


def _local_secrets() -> dict[str, str]:
    """Keys of a local installation, made once and kept in var/secrets.json (mode 600)."""
    path = VAR_DIR / "secrets.json"
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        made = {
            "secret_key": secrets.token_urlsafe(50),
            "field_key": Fernet.generate_key().decode(),
        }
        partial = path.with_suffix(f".{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(made))
        try:
            os.link(partial, path)  # Two processes may start at once: the first one wins.
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _secret(variable: str, local_name: str) -> str:
    if value := os.environ.get(variable):
        return value
    if SAMPLE_MODE or DEBUG or not _flag("PROPTRUST_PRODUCTION", default=False):
        return _local_secrets()[local_name]
    raise ImproperlyConfigured(f"{variable} must be set when PROPTRUST_PRODUCTION is on")


SECRET_KEY = _secret("SECRET_KEY", "secret_key")
# Keys that encrypt credentials and account numbers; the first encrypts, all decrypt.
FIELD_KEYS = [key for key in _secret("PROPTRUST_FIELD_KEYS", "field_key").split(",") if key]
PRODUCTION = _flag("PROPTRUST_PRODUCTION", default=False)

ALLOWED_HOSTS = _list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "desk.apps.DeskConfig",
    "ledger",
    "connectors",
    "compliance",
    "leases",
    "payments",
    "receivables",
    "deposits",
    "payables",
    "fees",
    "disbursements",
    "reconciliation",
    "statements",
    "desk.apps.TrustAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "djmoney",
    "django_q",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "axes",
    "csp",
]

# The sample company and the world around it; it has no place where other people's money is.
if not PRODUCTION and (BASE_DIR / "tests" / "simulator").is_dir():
    INSTALLED_APPS += ["tests.simulator", "tests.stories"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "desk.middleware.NoNul",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "proptrust.urls"
WSGI_APPLICATION = "proptrust.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

if PRODUCTION and not os.environ.get("DATABASE_URL"):
    # The embedded server trusts every process of its user and makes no backups.
    raise ImproperlyConfigured("DATABASE_URL must be set when PROPTRUST_PRODUCTION is on")
DATABASES = {"default": database.configuration(VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "desk.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# Throttled log-in: after five failures the pair of user and address waits for fifteen minutes.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "desk.views.locked_out"
CSRF_FAILURE_VIEW = "desk.views.csrf_failed"

# The look of the admin pages; static/desk/tokens.css holds the same colours for our own pages
# (docs/decisions/020-look.md).
UNFOLD = {
    "SITE_TITLE": "PropTrust",
    "SITE_HEADER": "PropTrust",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": ["desk.look.tokens", "desk.look.chrome", "desk.look.admin"],
    "SCRIPTS": ["desk.look.chrome_script"],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "desk.look.favicon"},
    ],
    "COLORS": {
        "base": {
            "50": "#f7f8f9",
            "100": "#eff2f3",
            "200": "#e1e6e9",
            "300": "#c9d1d8",
            "400": "#95a2ae",
            "500": "#647280",
            "600": "#495663",
            "700": "#35414c",
            "800": "#222c35",
            "900": "#161e25",
            "950": "#0e1419",
        },
        "primary": {
            "50": "#edf8f7",
            "100": "#d2edec",
            "200": "#a8dadb",
            "300": "#74c0c4",
            "400": "#43a2a9",
            "500": "#25848d",
            "600": "#166a74",
            "700": "#145660",
            "800": "#15464e",
            "900": "#143a42",
            "950": "#082429",
        },
    },
}

# No inline script or style anywhere on our own pages; desk/site.py adds what unfold needs on its.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "America/New_York"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without collectstatic (every installation but production) files are served from where they lie.
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# Money is whole cents of US dollars everywhere; the currency column stays for the day that changes.
CURRENCIES = ("USD",)
DEFAULT_CURRENCY = "USD"

# The broker lives in the same database, so that a task is queued with the transaction that asks
# for it. A task is handed out again `retry` seconds after it was fetched, so its time in the
# worker's own queue counts too: with `bulk` and `queue_limit` at one, two tasks wait at most for
# the ones in hand, and none is started a second time while its first run goes on. A task that
# kills its worker is handed out for ever: what must not be tried for ever counts its own attempts.
# (docs/decisions/005-task-queue.md)
_WORKERS = int(os.environ.get("PROPTRUST_WORKERS", "2"))
_TASK_SECONDS = int(os.environ.get("PROPTRUST_TASK_SECONDS", "300"))
Q_CLUSTER = {
    "name": "proptrust",
    "orm": "default",
    "workers": _WORKERS,
    "timeout": _TASK_SECONDS,
    "retry": _TASK_SECONDS * (2 if _WORKERS > 1 else 3) + 60,
    "max_attempts": 5,
    "ack_failures": False,
    "poll": 0.2,
    "bulk": 1,
    "queue_limit": 1,
    # Finished tasks are all kept, and proptrust.tasks.forget_finished prunes them at night: with a
    # limit django-q2 locks and reads every kept row at each task, a tenth of the speed.
    "save_limit": 0,
    "catch_up": False,
    "label": "Tasks",
    "log_level": os.environ.get("LOG_LEVEL", "WARNING"),
}

REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
    ],
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = _flag("PROPTRUST_SSL_REDIRECT", default=PRODUCTION)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
# Whether the names below this site's own speak TLS too is not ours to say.
SECURE_HSTS_INCLUDE_SUBDOMAINS = _flag("PROPTRUST_HSTS_SUBDOMAINS", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A back office left open on a desk: signed out after a working day.
SESSION_COOKIE_AGE = 12 * 60 * 60
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 50 * 1024 * 1024

# Where people outside reach this site: the links in mails to owners begin with it.
PUBLIC_URL = os.environ.get("PROPTRUST_PUBLIC_URL", "http://localhost:8000")
# Mail goes out by the server of EMAIL_HOST; without one it is written to the console.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 20
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "PropTrust <noreply@localhost>")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING")},
}
