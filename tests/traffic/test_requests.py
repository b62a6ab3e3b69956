"""Every request of `requests/*.yaml` through the data plane; see `support/traffic/cases.py`."""

import pytest
from support.traffic.bed import RefusedError, TrafficBed
from support.traffic.cases import cases, objects_of

ALL = dict(cases())


@pytest.fixture(scope="module")
def bed():
    with TrafficBed() as bed:
        bed.start_all_pods()
        yield bed


@pytest.fixture(autouse=True)
def clean(bed):
    yield
    bed.reset()


@pytest.mark.parametrize("name", ALL)
def test_what_is_asked_for_comes_back(bed, name):
    case = ALL[name]
    bed.write_all(objects_of(case))
    bed.settle()
    wrong = [f"{request}: {said}" for request in case.requests if (said := said_of(bed, request))]
    alerts = [alert.text for alert in bed.avi.alerts]
    assert not wrong, "\n".join([*wrong, *alerts])
    for text in case.alerts:
        assert any(text in alert for alert in alerts), alerts
    assert case.alerts or not alerts, alerts


def said_of(bed, request):
    """What is wrong with the answer to a request; empty for nothing."""
    address = (
        bed.address(request.vip, family="ip6_address" if request.ip6 else "ip_address")
        if (request.vip or request.ip6 or not request.host)
        else bed.address_of_host(request.host)
    )
    try:
        if request.udp:
            pod = bed.udp(address, request.udp, source=request.source, timeout=0.5 if request.refused else 5)
            return "" if pod == request.pod and not request.refused else f"answered by {pod}"
        answer = bed.http(
            address,
            request.port or (443 if request.tls else 80),
            request.path,
            host=request.host,
            method=request.method,
            tls=(request.host if request.name is None else request.name) if request.tls else None,
            source=request.source,
            **request.headers,
        )
    except RefusedError as refused:
        return "" if request.refused else f"refused: {refused}"
    return difference(request, answer)


def difference(request, answer):
    """The first difference between what came back and what must."""
    if request.refused:
        return f"not refused: {answer}"
    said, headers = answer.said, answer.headers
    pairs = [
        ("status", request.status, answer.status),
        ("pod", request.pod, answer.pod),
        ("location", request.location, headers.get("location")),
        *((name, value, headers.get(name)) for name, value in request.answer_headers.items()),
        *((name, value, said.get("headers", {}).get(name, said.get(name))) for name, value in request.got.items()),
    ]
    wrong = (f"{name} is {seen!r}, not {wanted!r}" for name, wanted, seen in pairs if wanted not in (None, seen))
    return next(wrong, "")
