"""Keeps the token that we log in with alive: a new one from the controller, into the Secret, into use."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from ako_runtime.avi.session import AviSession
from ako_runtime.avi.token import renew_token
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.settings import SecretText

_log = structlog.get_logger("ako.token")


class TokenRenewal:
    """Renews one token, written in one Secret."""

    def __init__(
        self, *, connection: KubeConnection, namespace: str, secret: str, on_renewal: Callable[[SecretText], None]
    ) -> None:
        self._connection = connection
        self._path = f"/api/v1/namespaces/{namespace}/secrets/{secret}"
        self._on_renewal = on_renewal

    def renew(self, session: AviSession, present: SecretText) -> None:
        """Replace `present` if it is past half of its life; nothing if we log in by password."""
        if present.reveal() and renew_token(session, present, keep=self._keep, now=datetime.now(UTC)):
            _log.info("token renewed")

    def _keep(self, token: SecretText) -> None:
        """Into the Secret in place, then into use."""
        body = {"data": {"authtoken": base64.b64encode(token.reveal().encode()).decode()}}
        self._connection.checked("PATCH", self._path, body=body, content_type="application/merge-patch+json")
        self._on_renewal(token)
