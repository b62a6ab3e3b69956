"""All workers share one login; one that has lapsed is renewed once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.faults import Fault
from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool
from ako_runtime.avi.login import Logins
from ako_runtime.avi.session import AviSession
from ako_runtime.errors import RetryLater
from ako_runtime.settings import SecretText

WORKERS = 8


@pytest.fixture
def avi():
    with AviLab(LabConfig()) as avi:
        yield avi


@pytest.fixture
def ask(avi):
    """Workers of one pool: `ask()` lets each of them read once, at the same time; `ask.use` gives other credentials."""

    class Ask:
        def __init__(self):
            self.credentials = Credentials(username=avi.username, password=SecretText(avi.password))

        def use(self, **changed):
            self.credentials = msgspec.structs.replace(self.credentials, **changed)

        def __call__(self):
            together = threading.Barrier(WORKERS)

            def read(session):
                together.wait()
                try:
                    return session.request("GET", "/api/pool").status
                except RetryLater as error:
                    return error.reason

            return list(workers.map(read, sessions))

    asked = Ask()
    endpoint = Endpoint(host=avi.host)
    pool = connection_pool(endpoint, asked.credentials, size=WORKERS)
    logins = Logins(endpoint=endpoint, credentials=lambda: asked.credentials)
    access = Access(endpoint=endpoint, credentials=lambda: asked.credentials)
    sessions = [AviSession(access=access, pool=pool, logins=logins) for _ in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as workers:
        yield asked
    pool.close()


def logins_of(avi):
    return sum(one.path == "/login" for one in avi.requests())


def test_all_workers_share_one_login(avi, ask):
    assert ask() == [200] * WORKERS
    assert ask() == [200] * WORKERS
    assert logins_of(avi) == 1


def test_a_login_that_has_lapsed_is_renewed_once(avi, ask):
    ask()
    avi.expire_sessions()
    assert ask() == [200] * WORKERS
    assert logins_of(avi) == 2


def test_other_credentials_are_another_login(avi, ask):
    ask()
    ask.use(password=SecretText("not this one"))
    assert set(ask()) == {"InvalidCredentials"}
    ask.use(password=SecretText(avi.password))
    assert ask() == [200] * WORKERS


def test_who_waited_for_a_login_that_failed_does_not_try_it_again(avi, ask):
    avi.faults.add(Fault(status=503, path="/login", count=1))
    answers = ask()
    assert "ControllerError" in answers
    # Those that came while it was tried got its answer; nobody was refused twice, and the next one works.
    assert logins_of(avi) <= 2
    while "ControllerError" in answers:
        answers = ask()
    assert answers == [200] * WORKERS


def test_a_refused_login_is_not_repeated_by_each_worker(avi, ask):
    ask.use(password=SecretText("wrong"))
    assert ask() == ["InvalidCredentials"] * WORKERS
    assert logins_of(avi) == 1
