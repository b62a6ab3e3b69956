"""Asking a time stamp authority, over HTTP. Its answer is judged before it is used."""

import http.client
import secrets
import urllib.error
import urllib.request

from ako_builder.signing.timestamps import granted_token, time_stamp_request, token_info, token_time
from ako_runtime.errors import UserError

_MAX_ANSWER = 1 << 20
_TIMEOUT = 30.0


class TimeStampAuthority:
    """Asks one authority by HTTP."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise UserError(f"--tsa-url {url}: give an http or https URL")
        self._url = url

    def token(self, signature: bytes) -> bytes:
        """A token over `signature`."""
        nonce = secrets.randbits(63)
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url,
            data=time_stamp_request(signature, nonce=nonce),
            headers={"Content-Type": "application/timestamp-query"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - the same
                data = answer.read(_MAX_ANSWER + 1)
        except urllib.error.HTTPError as error:
            with error:  # it is the answer, and holds its connection
                why = f"status {error.code}"
            raise UserError(f"--tsa-url {self._url}: no time stamp ({why}); sign without or try again") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise UserError(f"--tsa-url {self._url}: no time stamp ({error}); sign without or try again") from error
        token = granted_token(data, url=self._url)
        info = token_info(token)
        time, problems = token_time(token, signature=signature, trust=())
        if info is None or info.nonce != nonce or time is None or problems:
            why = problems[0].text if problems else "its nonce is not ours"
            raise UserError(f"--tsa-url {self._url}: the time stamp is not for this signature ({why})")
        return token
