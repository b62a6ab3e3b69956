"""Sessions: a token in a response header, that ends after a while; an account that is locked by wrong passwords."""

import hmac
import secrets

from ako_lab.tca.clock import VirtualClock
from ako_lab.tca.config import TcaConfig
from ako_lab.tca.errors import Refused


class Sessions:
    """Who is logged in."""

    def __init__(self, config: TcaConfig, *, password: str, clock: VirtualClock) -> None:
        self._config = config
        self._password = password
        self._clock = clock
        self._ends: dict[str, float] = {}
        self._wrong = 0
        self._locked_until = 0.0

    def login(self, username: str, password: str) -> str:
        """A new token; 401 for a wrong password and for a locked account alike."""
        if self._clock.now() < self._locked_until:
            raise Refused(401, "the account is locked; wait, or ask an administrator")
        right = hmac.compare_digest(password.encode(), self._password.encode())
        if username != self._config.username or not right:
            self._wrong += 1
            if self._wrong >= self._config.lock_after:
                self._locked_until = self._clock.now() + self._config.lock_seconds
                self._wrong = 0
            raise Refused(401, "the user name or the password is wrong")
        self._wrong = 0
        token = secrets.token_hex(16)
        self._ends[token] = self._clock.now() + self._config.session_seconds
        return token

    def require(self, token: str) -> None:
        """401 unless the token is of a session that lasts."""
        if self._ends.get(token, 0.0) <= self._clock.now():
            self._ends.pop(token, None)
            raise Refused(401, "no session, or one that has ended; log in")

    def expire(self) -> None:
        """End every session."""
        self._ends.clear()
