"""Settings: production by default, everything else from the environment.

Nothing has to be set. The portal keeps its database, files and keys in DATA_DIR and answers on
loopback only; PUBLIC_URL=https://… is what turns it into a public site, with HTTPS enforced.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from labelportal import keys, policies

os.environ.setdefault("OMP_NUM_THREADS", "1")  # numpy's threads cost more than they give here
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = keys.private_folder(Path(env("DATA_DIR", default=str(BASE_DIR / "data"))).resolve())
FILES_DIR = keys.private_folder(DATA_DIR / "files")

# --- identity and transport -------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = keys.secret_key(DATA_DIR / "secret.key", env("SECRET_KEY", default=""))
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_KEY = keys.field_key(DATA_DIR / "field.key", env("FIELD_KEY", default=""))

PORT = env.int("PORT", default=8000)
BASE_URL = env("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
_public = urlsplit(BASE_URL)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
IS_HTTPS = _public.scheme == "https"
if not IS_HTTPS and _public.hostname not in _LOOPBACK and not env.bool("INSECURE_HTTP", False):
    raise ImproperlyConfigured(
        f"PUBLIC_URL is {BASE_URL}: passwords would travel unencrypted. Give an https:// address, "
        "or set INSECURE_HTTP=1 on a network that you trust."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[*_LOOPBACK, _public.hostname or "localhost"])
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a load balancer asks these without TLS
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# Cookies know no ports: two portals on one machine must not sign each other's people out.
SESSION_COOKIE_NAME = f"portal_session_{PORT}"
CSRF_COOKIE_NAME = f"portal_csrf_{PORT}"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"  # where the console frames itself, its policy says so and counts
CONTENT_SECURITY_POLICY = {"DIRECTIVES": policies.PAGES}

# --- the house --------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_tasks",
    "django_tasks_db",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "labelportal.middleware.name_request",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "labelportal.middleware.choose_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "labelportal.urls"
WSGI_APPLICATION = "labelportal.wsgi.application"
CSRF_FAILURE_VIEW = "labelportal.handlers.csrf_failure"
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
STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
# Served straight from the packages: nothing to collect, so an upgrade cannot forget to.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 300
LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- rows, shared memory, jobs ----------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR}/portal.sqlite3")}
_database: dict[str, Any] = DATABASES["default"]
_database["CONN_MAX_AGE"] = 60  # opening one costs more than most requests, on SQLite too
if _database["ENGINE"].endswith("sqlite3"):
    _database["ENGINE"] = "labelportal.sqlite3"  # Django's, with a line of those who want to write
    _database["OPTIONS"] = {
        # The write lock is taken at BEGIN and waited for: a lock that is upgraded halfway fails.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        " PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32000; PRAGMA journal_size_limit=67108864;",
    }
    # In memory, a test's other processes would see another database.
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    _patience = env.int("STATEMENT_TIMEOUT_MS", default=10_000)
    # Misjudging a statement of a millisecond, the server would compile it first, for fifty.
    _database.setdefault("OPTIONS", {})["options"] = f"-c statement_timeout={_patience} -c jit=off"
    _database["CONN_HEALTH_CHECKS"] = True

REDIS_URL = env("REDIS_URL", default="")
CACHES: dict[str, dict[str, Any]]
if REDIS_URL:
    _redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    CACHES = {"default": _redis, "counts": _redis}
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(keys.private_folder(DATA_DIR / "cache")),
        },
        # A file for every claim that is counted would take longer than the claim.
        "counts": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        },
    }
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
ANNOUNCE_RERAISE = False  # a failing hook is left to the sweep; tests set this to see it
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=5.0)
JOB_STALE_SECONDS = env.float("JOB_STALE_SECONDS", default=30.0)  # then its worker counts as dead

# --- people -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "portal.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"

# --- limits -----------------------------------------------------------------------------------
JSON_MAX_BYTES = 2_000_000
BULK_MAX_BYTES = env.int("BULK_MAX_BYTES", default=256_000_000)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=2_000_000_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = JSON_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 100
CLAIMS_A_MINUTE = env.int("CLAIMS_A_MINUTE", default=600)  # of one annotator, over the API
FILE_UPLOAD_TEMP_DIR = str(keys.private_folder(DATA_DIR / "uploads"))
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

# --- clips that stay where they are ----------------------------------------------------------
VIDEO_ROOTS = env.list("VIDEO_ROOTS", default=[])  # folders whose files may be served in place
S3_ACCESS_KEY = env("AWS_ACCESS_KEY_ID", default="")
S3_SECRET_KEY = env("AWS_SECRET_ACCESS_KEY", default="")
S3_SESSION_TOKEN = env("AWS_SESSION_TOKEN", default="")
S3_REGION = env("S3_REGION", default="us-east-1")
S3_ENDPOINT_URL = env("S3_ENDPOINT_URL", default=f"https://s3.{S3_REGION}.amazonaws.com").rstrip(
    "/"
)
if S3_ACCESS_KEY:  # players are led there
    policies.PAGES["media-src"].append("{0.scheme}://{0.netloc}".format(urlsplit(S3_ENDPOINT_URL)))

# --- the outside world ------------------------------------------------------------------------
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])  # host:port, of internal services
# Waits after a delivery's 1st, 2nd, … failure, ±10 %; empty is the schedule of Standard Webhooks.
WEBHOOK_RETRY_SECONDS = tuple(env.list("WEBHOOK_RETRY_SECONDS", cast=float, default=[]))
WEBHOOK_TIMEOUT = env.float("WEBHOOK_TIMEOUT", default=15.0)  # seconds of one attempt in all
JUDGE_URL = env("JUDGE_URL", default="")
JUDGE_MODEL = env("JUDGE_MODEL", default="")
JUDGE_API_KEY = env("JUDGE_API_KEY", default="")
JUDGE_TIMEOUT = env.float("JUDGE_TIMEOUT", default=10.0)
ENCODER = env("ENCODER", default="auto")  # auto, none, or the URL of an embeddings endpoint

# --- the API ----------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.exceptions.handle",
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
    "COERCE_DECIMAL_TO_STRING": False,
    "UNICODE_JSON": True,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Label Portal",
    "DESCRIPTION": "Predictions in; captions and votes by people; consensus and batches out.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "DeliveryStateEnum": "portal.models.events.DeliveryState",
        "ExportStateEnum": "portal.models.exports.ExportState",
        "FileFormatEnum": "portal.models.formats.FileFormat",
        "ImportKindEnum": "portal.models.imports.ImportKind",
        "ImportStateEnum": "portal.models.imports.ImportState",
        "JobStateEnum": "portal.models.retraining.JobState",
        "VideoStateEnum": "portal.models.videos.VideoState",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
}

# --- the console: dotted names, because the admin cannot be imported before the models ----------
UNFOLD = {
    "SITE_TITLE": "Label Portal",
    "SITE_HEADER": "Label Portal",
    "SITE_ICON": "portal.admin.theme.mark",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "portal.admin.theme.mark"},
    ],
    "STYLES": ["portal.admin.theme.charts", "portal.admin.theme.stylesheet"],
    "COLORS": "portal.admin.theme.colours",
    "DASHBOARD_CALLBACK": "portal.admin.theme.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": "portal.admin.theme.navigation"},
}

# --- logs: one line an event on standard error, no bodies, no tokens ----------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "labelportal.logs.JSONLines"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env("LOG_FORMAT", default="plain"),
        },
    },
    "root": {"handlers": ["stderr"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},  # what callers got wrong is theirs to read
        "gunicorn.http.wsgi": {"level": "ERROR"},  # Django leaves HEAD's body to the server
        "django_tasks": {"level": "WARNING"},
    },
}
