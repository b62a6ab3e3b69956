"""Asking a time stamp authority, over HTTP. Its answer is judged before it is used."""

import secrets

from ako_builder.signing.timestamps import granted_token, time_stamp_request, token_info, token_time
from ako_builder.web import NoAnswer, Site
from ako_runtime.errors import UserError

_MAX_ANSWER = 1 << 20


class TimeStampAuthority:
    """Asks one authority by HTTP."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise UserError(f"--tsa-url {url}: give an http or https URL")
        self._url = url
        self._site = Site(url)

    def token(self, signature: bytes) -> bytes:
        """A token over `signature`."""
        nonce = secrets.randbits(63)
        try:
            answer = self._site.request(
                "POST",
                self._url,
                headers={"Content-Type": "application/timestamp-query"},
                body=time_stamp_request(signature, nonce=nonce),
                limit=_MAX_ANSWER,
            )
        except NoAnswer as error:
            raise UserError(f"--tsa-url {self._url}: no time stamp ({error}); sign without or try again") from error
        if answer.status != 200:
            raise UserError(f"--tsa-url {self._url}: no time stamp (status {answer.status}); sign without or try again")
        token = granted_token(answer.body, url=self._url)
        info = token_info(token)
        time, problems = token_time(token, signature=signature, trust=())
        if info is None or info.nonce != nonce or time is None or problems:
            why = problems[0].text if problems else "its nonce is not ours"
            raise UserError(f"--tsa-url {self._url}: the time stamp is not for this signature ({why})")
        return token
