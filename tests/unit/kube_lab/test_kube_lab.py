"""What only the embedded API has: helpers, faults, the request log, a clean end."""

import contextlib
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import urllib3
from support.kube.servers import Rest, wait_until

from ako_lab.kube_api import ApiError, Fault, KubeConfig, KubeLab
from ako_lab.kube_api.addresses import ServiceAddresses
from ako_lab.kube_api.api import Api
from ako_lab.kube_api.listing import Query
from ako_runtime.errors import UserError


@pytest.fixture
def lab():
    with KubeLab() as found:
        yield found


@pytest.fixture
def rest(lab, tmp_path):
    found = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
    yield found
    found.close()


MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_helpers_write_and_read_the_same_objects_as_clients(lab, rest):
    made = lab.apply(config_map("a", x="1"))
    assert rest.get(f"{MAPS}/a").json == made
    assert lab.apply(config_map("a", y="2"))["data"] == {"x": "1", "y": "2"}
    assert lab.read("cm", "a")["data"] == lab.read("ConfigMap", "a", "default")["data"]
    rest.post(MAPS, config_map("b"))
    assert [item["metadata"]["name"] for item in lab.objects("configmaps", "default")] == ["a", "b"]
    lab.delete("configmap", "a")
    with pytest.raises(ApiError, match='configmaps "a" not found'):
        lab.read("configmap", "a")


def test_apply_takes_yaml_of_several_documents_and_writes_status(lab):
    text = """
    apiVersion: v1
    kind: Namespace
    metadata: {name: cnf}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: p, namespace: cnf}
    spec: {containers: []}
    status: {phase: Running, podIP: 10.244.0.1}
    """
    assert lab.apply(textwrap.dedent(text))["status"] == {"phase": "Running", "podIP": "10.244.0.1"}


def test_manifest_that_is_not_yaml_is_one_sentence(lab):
    with pytest.raises(UserError, match="not YAML"):
        lab.apply("a: b: c")


def test_what_helpers_return_is_a_copy(lab):
    lab.apply(config_map("a", x="1"))["data"]["x"] = "changed"
    lab.read("configmap", "a")["data"]["x"] = "changed"
    lab.objects("configmaps")[0]["data"]["x"] = "changed"
    assert lab.read("configmap", "a")["data"] == {"x": "1"}


def test_apply_of_an_unknown_kind_says_so(lab):
    with pytest.raises(UserError, match="no kind 'Wonder'"):
        lab.apply({"apiVersion": "example.com/v1", "kind": "Wonder", "metadata": {"name": "a"}})


def test_wait_for_is_woken_by_writes(lab):
    timer = threading.Timer(0.05, lambda: lab.apply(config_map("late")))
    timer.start()
    lab.wait_for(lambda found: any(item["metadata"]["name"] == "late" for item in found.objects("configmaps")))
    timer.join()
    with pytest.raises(TimeoutError):
        lab.wait_for(lambda _: False, timeout=0.01)


def test_requests_are_logged_in_order(lab, rest):
    rest.post(MAPS, config_map("a"))
    rest.get(MAPS, limit=5)
    since = lab.requests()[-1].sequence
    rest.request("DELETE", f"{MAPS}/a", headers={"User-Agent": "tests/1"})
    assert [(item.verb, item.resource, item.status) for item in lab.requests()] == [
        ("create", "configmaps", 201),
        ("list", "configmaps", 200),
        ("delete", "configmaps", 200),
    ]
    (last,) = lab.requests(since=since)
    assert (last.user_agent, last.name, last.namespace, last.user) == ("tests/1", "a", "default", "lab-admin")
    assert lab.requests()[1].query == {"limit": "5"}


def test_wrong_token_is_refused_and_none_may_be(tmp_path):
    with KubeLab(KubeConfig(anonymous=False, token="right")) as lab:
        rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
        assert rest.get(MAPS).status == 200
        assert rest.request("GET", MAPS, headers={"Authorization": "Bearer wrong"}).status == 401
        assert rest.request("GET", MAPS, headers={"Authorization": ""}).status == 401
        rest.close()


@pytest.mark.parametrize(("status", "reason"), [(409, "Conflict"), (429, "TooManyRequests"), (500, "InternalError")])
def test_fault_answers_once(lab, rest, status, reason):
    lab.faults.add(Fault(action="answer", verb="create", resource="configmaps", status=status, retry_after=3))
    failed = rest.post(MAPS, config_map("a"))
    assert (failed.status, failed.json["reason"], failed.headers["Retry-After"]) == (status, reason, "3")
    assert rest.get(f"{MAPS}/a").status == 404
    assert rest.post(MAPS, config_map("a")).status == 201


def test_fault_skips_and_counts(lab, rest):
    lab.faults.add(Fault(action="answer", verb="get", name="a", status=503, skip=1, times=2))
    assert [rest.get(f"{MAPS}/a").status for _ in range(4)] == [404, 503, 503, 404]


def test_fault_drops_the_connection(lab, rest):
    lab.faults.add(Fault(action="drop", resource="configmaps"))
    with pytest.raises(urllib3.exceptions.HTTPError):
        rest.get(MAPS)
    assert rest.get(MAPS).status == 200


def test_fault_cuts_a_list_in_half(lab, rest):
    for number in range(50):
        lab.apply(config_map(f"m-{number}", text="x" * 500))
    lab.faults.add(Fault(action="truncate", verb="list", resource="configmaps"))
    with pytest.raises(urllib3.exceptions.HTTPError):
        rest.get(MAPS)
    assert len(rest.get(MAPS).json["items"]) == 50


def test_fault_on_the_second_page_of_a_list(lab, rest):
    for number in range(10):
        lab.apply(config_map(f"m-{number}"))
    lab.faults.add(Fault(action="answer", verb="list", status=410, reason="Expired", skip=1))
    first = rest.get(MAPS, limit=4).json
    assert rest.get(MAPS, **{"limit": 4, "continue": first["metadata"]["continue"]}).status == 410


def test_continue_token_expires_with_the_history(lab, rest):
    for number in range(10):
        lab.apply(config_map(f"m-{number}"))
    token = rest.get(MAPS, limit=4).json["metadata"]["continue"]
    lab.compact()
    expired = rest.get(MAPS, **{"limit": 4, "continue": token})
    assert (expired.status, expired.json["reason"]) == (410, "Expired")


def test_fault_delays(lab, rest):
    lab.faults.add(Fault(action="delay", verb="get", name="a", seconds=0.05))
    began = time.monotonic()
    assert rest.get(f"{MAPS}/a").status == 404
    assert time.monotonic() - began >= 0.05


def test_a_delayed_request_holds_no_other_one_up(lab, rest):
    lab.faults.add(Fault(action="delay", verb="get", name="a", seconds=600.0))

    def ask():
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            rest.get(f"{MAPS}/a")

    thread = threading.Thread(target=ask)
    thread.start()
    assert rest.get(f"{MAPS}/b").status == 404
    assert "a" not in {request.name for request in lab.requests()}
    lab.close()
    thread.join(60)
    assert not thread.is_alive()


def test_partition_cuts_one_client_off_until_it_heals(lab, rest):
    with rest.watch(MAPS, resourceVersion=rest.get(MAPS).json["metadata"]["resourceVersion"]) as events:
        lab.faults.add(Fault(action="silence", user_agent="python-urllib3"))
        lab.apply(config_map("a"))
        other = {"User-Agent": "another"}
        assert rest.request("GET", f"{MAPS}/a", headers=other).status == 200
        answers = []
        thread = threading.Thread(target=lambda: answers.append(rest.get(f"{MAPS}/a").status))
        thread.start()
        assert rest.request("GET", f"{MAPS}/a", headers=other).status == 200
        assert answers == []
        lab.faults.clear()
        thread.join(60)
        assert answers == [200]
        assert next(events)["object"]["metadata"]["name"] == "a"


@pytest.mark.parametrize("ending", ["end", "drop", "gone"])
def test_interrupted_watches(lab, rest, ending):
    version = rest.get(MAPS).json["metadata"]["resourceVersion"]
    with rest.watch(MAPS, resourceVersion=version) as events:
        wait_until(lambda: lab.open_watches() == 1)
        assert lab.interrupt_watches(ending, resource="secrets") == 0
        assert lab.interrupt_watches(ending, resource="configmaps") == 1
        if ending == "drop":
            with pytest.raises(urllib3.exceptions.HTTPError):
                next(events)
        elif ending == "gone":
            assert next(events)["object"]["code"] == 410
        else:
            assert next(events, None) is None
    wait_until(lambda: lab.open_watches() == 0)


def test_failures_on_command_over_http(lab, rest):
    """As somebody would ask for them who runs the lab as a process."""
    answer = {"action": "answer", "verb": "get", "resource": "configmaps", "status": 429, "retry_after": 2, "times": 2}
    assert rest.post("/lab/faults", answer).status == 200
    assert [rest.get(MAPS + "/a").status for _ in range(3)] == [429, 429, 404]
    assert rest.get("/lab/faults").json == []
    version = rest.get(MAPS).json["metadata"]["resourceVersion"]
    with rest.watch(MAPS, resourceVersion=version) as events:
        wait_until(lambda: lab.open_watches() == 1)
        assert rest.post("/lab/watches", {"ending": "end", "resource": "secrets"}).json == {"ended": 0}
        assert rest.post("/lab/watches", {"ending": "end", "resource": "configmaps"}).json == {"ended": 1}
        assert next(events, None) is None
    lab.apply(config_map("a"))
    assert rest.post("/lab/compact", None).status == 200
    with rest.watch(MAPS, resourceVersion=version) as events:
        assert next(events)["object"]["code"] == 410


def test_a_partition_from_everybody_can_be_healed_over_http(lab, rest):
    rest.post("/lab/faults", {"action": "silence"})
    assert [item["action"] for item in rest.get("/lab/faults").json] == ["silence"]
    assert rest.delete("/lab/faults").json == []
    assert rest.get(MAPS).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/lab/faults", {"action": "explode"}, 400, "the body is no Fault: Invalid enum value 'explode'"),
        ("POST", "/lab/faults", {"action": "drop", "verbs": "get"}, 400, "unknown field `verbs`"),
        ("POST", "/lab/watches", {"ending": "explode"}, 400, "the body is no Interruption"),
        ("PUT", "/lab/faults", {}, 404, "PUT /lab/faults is no command of this lab: GET, POST or DELETE /lab/faults"),
    ],
)
def test_a_command_that_is_none_is_one_sentence(rest, *, method, path, body, status, said):
    reply = rest.request(method, path, body)
    assert reply.status == status
    assert said in reply.json["message"]


def test_watcher_that_falls_behind_is_told_so(tmp_path):
    with KubeLab(KubeConfig(retained_events=50)) as lab:
        rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
        version = rest.get(MAPS).json["metadata"]["resourceVersion"]
        for number in range(200):
            lab.apply(config_map("same", number=str(number)))
        with rest.watch(MAPS, resourceVersion=version) as events:
            assert next(events)["object"]["code"] == 410
        rest.close()


def test_slow_watcher_holds_no_one_up_and_is_ended(tmp_path):
    """A client that does not read: the server neither buffers without bound nor waits for it."""
    with KubeLab(KubeConfig(retained_events=100)) as lab:
        rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
        with rest.watch(MAPS, timeoutSeconds=600) as slow:
            wait_until(lambda: lab.open_watches() == 1)
            for number in range(400):
                lab.apply(config_map("same", number=str(number), text="x" * 100_000))
            with rest.watch(MAPS) as quick:
                assert next(quick)["object"]["data"]["number"] == "399"
            last = [event["type"] for event in slow][-1]
            assert last == "ERROR"
        rest.close()


def test_bookmarks_come_when_nothing_happens(tmp_path):
    with KubeLab(KubeConfig(bookmark_seconds=0.05)) as lab:
        rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
        with rest.watch(MAPS, allowWatchBookmarks="true") as events:
            lab.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}})
            version = lab.read("namespace", "elsewhere")["metadata"]["resourceVersion"]
            for event in events:
                assert event["type"] == "BOOKMARK"
                if event["object"]["metadata"]["resourceVersion"] == version:
                    break
        rest.close()


def test_port_that_is_taken_is_one_sentence(lab):
    port = int(lab.url.rpartition(":")[2])
    with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}"):
        KubeLab(KubeConfig(port=port))


def test_cidr_that_is_none_is_one_sentence():
    with pytest.raises(UserError, match="service_cidr"):
        KubeLab(KubeConfig(service_cidr="10.96.0.0/99"))


def test_close_ends_open_watches_and_twice_is_fine(tmp_path):
    lab = KubeLab()
    rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
    with rest.watch(MAPS) as events:
        wait_until(lambda: lab.open_watches() == 1)
        lab.close()
        assert next(events, None) is None
    lab.close()
    rest.close()


def test_kubeconfig_is_private(lab, tmp_path):
    assert lab.write_kubeconfig(tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600


def test_no_warning_and_no_leftover_thread_in_a_fresh_process():
    program = (
        "import threading\n"
        "from ako_lab.kube_api import KubeLab\n"
        "with KubeLab() as lab:\n"
        "    lab.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}})\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_deleted_namespace_is_emptied_later_if_so_configured():
    later = []
    addresses = ServiceAddresses(cidr="10.96.0.0/16", cidr_v6="fd00:10:96::/112", node_ports=(30000, 32767))
    api = Api(addresses=addresses, retained=100, later=later.append)

    def create(namespace, name):
        return api.create(api.target("configmaps", namespace=namespace, name=name), config_map(name))

    def there():
        return {stored.document["metadata"]["name"] for stored in api.page(api.target("namespaces"), Query()).items}

    for name in ("emptied", "cleared"):
        place = api.target("namespaces", name=name)
        api.create(place, {"metadata": {"name": name}})
        create(name, "a")
        marked, gone = api.delete(place)
        assert (marked.document["status"]["phase"], gone) == ("Terminating", False)
        with pytest.raises(ApiError, match="because it is being terminated"):
            create(name, "b")
    api.delete(api.target("configmaps", namespace="cleared", name="a"))
    assert "cleared" not in there(), "the last object takes the namespace along"
    # A namespace of the same name is another one: what was meant for the old one does not touch it.
    api.create(api.target("namespaces", name="cleared"), {"metadata": {"name": "cleared"}})
    create("cleared", "c")
    for action in later:
        action()
    assert {"emptied", "cleared"} & there() == {"cleared"}
    assert api.read(api.target("configmaps", namespace="cleared", name="c"))


def test_a_deleted_namespace_goes_by_itself():
    with KubeLab(KubeConfig(namespace_seconds=0.05)) as lab:
        lab.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "emptied"}})
        lab.apply({**config_map("a"), "metadata": {"name": "a", "namespace": "emptied"}})
        lab.delete("namespaces", "emptied")
        lab.wait_for(lambda found: "emptied" not in str(found.objects("namespaces")), timeout=30)
        assert not lab.objects("configmaps", "emptied")
