"""The process's own configuration: read it once at start, judge a change later.

Editable while running are the settings that say so (`live`), and the credentials: a rotated password, token or
certificate authority is used from the next log-in on. Everything else needs a rolling restart, which the chart triggers
by a checksum annotation; the process reports it and goes on as it was.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from ako_runtime.errors import UserError
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.reconcile.pace import Pace
from ako_runtime.settings import SETTINGS, Settings, parse

CONFIG_MAP: Final = "avi-k8s-config"


def config_map_path(namespace: str) -> str:
    """Where the API server has the configuration."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{CONFIG_MAP}"


SECRET: Final = "avi-secret"  # noqa: S105 - the name of the object, not its content
SECRET_NAME: Final = "AKO_SECRET_NAME"  # noqa: S105 - the variable by which the chart names another Secret

_LIVE: Final = frozenset(setting.attribute for setting in SETTINGS if setting.live)
_CREDENTIALS: Final = frozenset(setting.attribute for setting in SETTINGS if setting.secret)


class Place(Struct, frozen=True, kw_only=True):
    """Where this process runs, and how: namespace, pod, a port instead of the setting (0: any free one)."""

    namespace: str
    pod: str
    api_port: int | None = None
    dry_run: bool = False
    environ: Mapping[str, str] = {}
    pace: Pace = Pace()


class Change(Struct, frozen=True, kw_only=True):
    """What a new configuration means: the settings in force from now on, and what must wait for a restart."""

    settings: Settings
    credentials: bool = False
    # ConfigMap keys that differ and cannot change now.
    restart: tuple[str, ...] = ()


def change_between(old: Settings, new: Settings) -> Change:
    """Take over what may change at run time; keep the rest as it is and name it."""
    taken: dict[str, object] = {}
    restart: list[str] = []
    credentials = False
    for setting in SETTINGS:
        name = setting.attribute
        if not name or getattr(old, name) == getattr(new, name):
            continue
        if name in _LIVE or name in _CREDENTIALS:
            taken[name] = getattr(new, name)
            credentials = credentials or name in _CREDENTIALS
        else:
            restart.append(setting.name)
    settings = msgspec.structs.replace(old, **taken)
    return Change(settings=settings, credentials=credentials, restart=tuple(restart))


def load_settings(connection: KubeConnection, namespace: str, environ: Mapping[str, str]) -> Settings:
    """Settings from ConfigMap, Secret and environment; raises UserError when an object is missing or wrong."""
    data = msgspec.json.decode(_object(connection, namespace, "configmaps", CONFIG_MAP), type=_ConfigMapData).data
    name = secret_name(environ)
    secret = msgspec.json.decode(_object(connection, namespace, "secrets", name), type=_SecretData).data
    return parse(data, environ, secret={key: value.decode() for key, value in secret.items()})


def secret_name(environ: Mapping[str, str]) -> str:
    """Name of the Secret with the credentials; the chart names another one when the user brings it."""
    return environ.get(SECRET_NAME) or SECRET


class _ConfigMapData(Struct, frozen=True, kw_only=True):
    data: Mapping[str, str] = {}


class _SecretData(Struct, frozen=True, kw_only=True):
    # JSON carries base64; msgspec decodes it.
    data: Mapping[str, bytes] = {}


def _object(connection: KubeConnection, namespace: str, resource: str, name: str) -> bytes:
    answer = connection.request("GET", f"/api/v1/namespaces/{namespace}/{resource}/{name}")
    kind = resource.removesuffix("s")
    if answer.status == 404:
        raise UserError(f"{kind} {namespace}/{name} does not exist; install the chart, or name its namespace with -n")
    if answer.status >= 400:
        text = f"{kind} {namespace}/{name} cannot be read: {answer.message}"
        raise UserError(f"{text}; let this user read it, or use another one")
    return answer.body
