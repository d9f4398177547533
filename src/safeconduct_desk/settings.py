"""Everything that can be set, each with a default that is right for one small community.

| variable | default | what |
|---|---|---|
| ``SAFECONDUCT_DESK`` | ``~/.local/share/safeconduct-desk`` | the folder that holds everything |
| ``SAFECONDUCT_DESK_DATABASE`` | an SQLite file in that folder | ``postgresql://user:password@host/name`` |
| ``SAFECONDUCT_DESK_STORE`` | files in that folder | ``s3://bucket/prefix`` (keys from ``AWS_*``) |
| ``SAFECONDUCT_DESK_HOSTS`` | this machine only | names under which the desk is reached, with commas between |
| ``SAFECONDUCT_DESK_BEHIND_PROXY`` | no | ``yes``: a proxy in front speaks HTTPS (``X-Forwarded-Proto``, ``-For``) |
| ``SAFECONDUCT_DESK_SCREENS`` | 6 | imports of other servers looked at at once; fewer than ``--threads`` |
| ``SAFECONDUCT_DESK_OIDC`` | none | the issuer of your single sign-on, as ``https://id.garden.example/realms/garden`` |
| ``SAFECONDUCT_DESK_OIDC_CLIENT``, ``…_SECRET``, ``…_NAME`` | | what it calls this desk, the secret, its own name |
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.conf import global_settings


def _secret(path: Path) -> str:
    """The key of sessions and signatures: made once, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(fresh, path)
        except FileExistsError:  # another process was quicker; its key counts
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8")


FOLDER = Path(os.environ.get("SAFECONDUCT_DESK") or Path.home() / ".local" / "share" / "safeconduct-desk").absolute()
STORE = os.environ.get("SAFECONDUCT_DESK_STORE", "")
SCREENS_AT_ONCE = int(os.environ.get("SAFECONDUCT_DESK_SCREENS") or 6)  # of 8 threads; the others are for people
BEHIND_PROXY = os.environ.get("SAFECONDUCT_DESK_BEHIND_PROXY", "") == "yes"
# Tests of pages must not depend on when a worker comes round: there the work is done at once.
WORK_AT_ONCE = os.environ.get("SAFECONDUCT_DESK_AT_ONCE", "") == "yes"

SECRET_KEY = _secret(FOLDER / "secret")
DEBUG = False
ALLOWED_HOSTS = [
    "localhost", "127.0.0.1", "[::1]", *filter(None, os.environ.get("SAFECONDUCT_DESK_HOSTS", "").split(",")),
]  # fmt: skip
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS[3:]]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "safeconduct_desk",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "safeconduct_desk.doors.Doors",
]
ROOT_URLCONF = "safeconduct_desk.urls"
WSGI_APPLICATION = "safeconduct_desk.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "safeconduct_desk.context.desk",
            ]
        },
    }
]
DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("SAFECONDUCT_DESK_DATABASE") or f"sqlite:///{FOLDER / 'desk.db'}",
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"

# Nobody here is asked for an e-mail address: names and passwords, passkeys, one-time codes, or another server.
ACCOUNT_ADAPTER = "safeconduct_desk.accounts.Accounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if BEHIND_PROXY else "http"
ACCOUNT_RATE_LIMITS = {"elsewhere": "10/m/ip", "invitation": "20/m/ip", "report": "5/m/ip"}
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
MFA_ADAPTER = "safeconduct_desk.accounts.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # clocks of telephones are some seconds off
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not BEHIND_PROXY  # browsers allow it for http://localhost only
SOCIALACCOUNT_ADAPTER = "safeconduct_desk.accounts.Elsewhere"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a link: ``form-action`` lets no form lead away from here
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": os.environ.get("SAFECONDUCT_DESK_OIDC_NAME") or "Single sign-on",
                "client_id": os.environ.get("SAFECONDUCT_DESK_OIDC_CLIENT", ""),
                "secret": os.environ.get("SAFECONDUCT_DESK_OIDC_SECRET", ""),
                "settings": {"server_url": server, "token_auth_method": "client_secret_post"},
            }
            for server in filter(None, [os.environ.get("SAFECONDUCT_DESK_OIDC")])
        ],
    }
}
# In the database: attempts to sign in are counted by all processes together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "desk_cache",
        # More than anybody can fill in the minutes that count: with few, new names would push old attempts out.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en"
USE_I18N = True
LOCALE_PATHS = [Path(__file__).parent / "locale"]
# Only what is translated here: a page that says it is Arabic must not be read out in English.
LANGUAGES = [
    (code, name) for code, name in global_settings.LANGUAGES
    if code == LANGUAGE_CODE or any((path / code / "LC_MESSAGES" / "django.mo").exists() for path in LOCALE_PATHS)
]  # fmt: skip
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = None  # served as they lie in the package: nothing has to be collected
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Nothing loads from elsewhere, nothing inline runs, nothing with personal data is kept by a browser.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # "no-referrer" makes browsers send "Origin: null", which CSRF refuses
X_FRAME_OPTIONS = "DENY"
if BEHIND_PROXY:  # "__Host-": no other host of the same domain can set them
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-desk", "__Host-desk-csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_PROXY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_PROXY else 0
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20

# One JSON object a line on standard error, without anything of what people wrote (``logs``).
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "safeconduct_desk.logs.Line"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["out"], "level": "WARNING"},
    "loggers": {
        "safeconduct": {"level": "INFO"},
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "waitress.queue": {"level": "ERROR"},  # that pages wait a moment is what a queue is for
    },
}
