"""Golden cases: one file a case, two YAML documents.

The first is written by hand: `title`, `settings` (ConfigMap data over the defaults), `environment` (facts about the
controller), `references` (objects that users name: kind to a list of names, or of `{name, type, ...}`; `absent` in the
entry says that the controller has none of the name; `tenant` where the look-up happens in one), `documents` (shared
objects on the controller that edits are applied to), `given` (Kubernetes objects), `routes` (there is no Node and
routes are the matter). The second is what translation answers: for every key its stack, statuses and diagnostics.
`pytest tests/golden --update-golden` rewrites the second documents; the review of the diff is the test.
"""

import msgspec
import yaml
from immutables import Map
from support.paths import TESTS

from ako_runtime.kube.kinds import WATCHED, WatchedKind
from ako_runtime.model.environment import Environment, Reference
from ako_runtime.model.ownership import Ownership
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, Outcome
from ako_runtime.model.wire import builtins, plain
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import parse
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.l4 import L4Context

CASES = TESTS / "golden" / "cases"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
UNSAID = ("shard/", "host/", "namespace-vip/", "passthrough/")
BASE_SETTINGS = {
    "clusterName": "cluster-a",
    "tlsSecretsScope": "cluster",
    "controllerIP": "192.0.2.10",
    "vipNetworkList": '[{"networkName":"vip-net","cidr":"10.10.0.0/24"}]',
}
BASE_SECRET = {"username": "admin", "password": "admin"}
BASE_ENVIRONMENT = {"dns_domains": ["example.com"], "cloud_type": "CLOUD_NONE"}


def references_of(case):
    """What the controller has been asked about, and its answers."""
    found = Map().set(Ref("serviceenginegroup", "Default-Group"), Reference(exists=True, name="Default-Group"))
    for kind, entries in (case.get("references") or {}).items():
        for entry in entries:
            fields = {"name": entry} if isinstance(entry, str) else dict(entry)
            ref = Ref(kind, fields.pop("uuid", "") or fields["name"], tenant=fields.pop("tenant", ""))
            labels = tuple(map(tuple, fields.pop("labels", ())))
            lists = {one: tuple(fields.pop(one, ())) for one in ("families", "services")}
            exists = not fields.pop("absent", False)
            known = Reference(exists=exists, uuid=f"{kind}-uuid", labels=labels, **lists, **fields)
            found = found.set(ref, known)
    return found


def watched_as(document) -> WatchedKind | None:
    """The kind by which the runtime reads an object; None if it does not read it."""
    group = document["apiVersion"].rpartition("/")[0]
    for kind in WATCHED:
        selected = kind.field_selector in ("", f"type={document.get('type')}")
        if (kind.group, kind.kind) == (group, document["kind"]) and selected:
            return kind
    return None


def snapshot_of(objects, environment=None, references=None):
    """A snapshot in which every watched kind is listed; objects of other kinds are not seen, as by the runtime."""
    snapshot = Snapshot(
        environment=msgspec.convert(BASE_ENVIRONMENT | (environment or {}), Environment),
        complete=frozenset(kind.key for kind in WATCHED),
        references=references or Map(),
    )
    for document in objects:
        kind = watched_as(document)
        if kind is not None:
            obj = msgspec.json.decode(msgspec.json.encode(document), type=kind.model)
            snapshot = snapshot.with_object(kind.key, obj)
    return snapshot


def context_of(settings, snapshot):
    """Settings over the base of all cases."""
    parsed = parse(BASE_SETTINGS | (settings or {}), {}, secret=BASE_SECRET)
    ownership = Ownership(cluster=parsed.cluster_name, namespace="avi-system", primary=parsed.primary_instance)
    return L4Context(settings=parsed, environment=snapshot.environment, ownership=ownership)


def outcomes_of(case) -> dict[str, Outcome]:
    """Every key's outcome."""
    snapshot = snapshot_of(case["given"], case.get("environment"), references_of(case))
    context = context_of(case.get("settings"), snapshot)
    # Routes belong to no object: shown where they are the matter of the case.
    about_routes = "routes" in case or any(one["kind"] == "Node" for one in case["given"])
    keys = sorted(key for key in all_keys(snapshot, context) if about_routes or key.kind != "routes")
    found = {str(key): outcome_for(snapshot, key, context) for key in keys}
    # Of certificates of ours the controller has those that the case names.
    sought = {ref for one in found.values() for ref in one.needs if ref.name.startswith("cluster-a--")}
    if not sought:
        return found
    known = snapshot.references.update(dict.fromkeys(sought, Reference(exists=False)))
    snapshot = msgspec.structs.replace(snapshot, references=known)
    return {str(key): outcome_for(snapshot, key, context) for key in keys}


def answer_of(case):
    """The second document."""
    documents = case.get("documents") or {}
    shown = {key: _shown(outcome, documents) for key, outcome in outcomes_of(case).items()}
    # An Ingress has keys for settings that are not set; they want nothing and say nothing.
    return {"expect": {key: one for key, one in shown.items() if one or not key.startswith(UNSAID)}}


def _edited(edit, documents):
    """What an edit makes of the document of its object (of an empty one if the case gives none)."""
    changed = edit.edited(_document(edit, documents))
    return {str(edit.ref): "unchanged" if changed is None else dict(changed)}


def _document(edit, documents):
    found = next((one for one in documents.get(edit.ref.kind, ()) if one["name"] == edit.ref.name), None)
    return found or {"name": edit.ref.name}


def _shown(outcome: Outcome, documents):
    shown: dict[str, object] = {}
    if outcome.stack.objects:
        shown["stack"] = [
            {ref.kind: {"tenant": ref.tenant, **builtins(obj)}} for ref, obj in outcome.stack.objects.items()
        ]
    statuses = [_status_shown(status) for status in outcome.statuses]
    if statuses:
        shown["statuses"] = statuses
    problems = [problem for edit in outcome.edits for problem in edit.problems(_document(edit, documents))]
    if outcome.diagnostics or problems:
        shown["diagnostics"] = [
            {"object": str(one.object), "field": one.field, "reason": one.reason, "message": one.message}
            for one in (*outcome.diagnostics, *problems)
        ]
    if outcome.keeps_last_good:
        shown["keeps_last_good"] = True
    if outcome.members:
        shown["members"] = {pool: plain(servers) for pool, servers in outcome.members.items()}
    if outcome.held:
        shown["held"] = outcome.held
    if outcome.edits:
        shown["edits"] = [_edited(edit, documents) for edit in outcome.edits]
    if outcome.needs:
        shown["needs"] = sorted(map(str, outcome.needs))
    return shown


def _status_shown(status):
    """Every field that says something, under its own name."""
    fields = {name: getattr(status, name) for name in status.__struct_fields__ if name != "problem"}
    shown = {name: _plain(value) for name, value in fields.items() if value not in (None, (), "", False)}
    if status.problem is not None:
        shown["problem"] = status.problem.message
    return {type(status).__name__: shown}


def _plain(value):
    return msgspec.to_builtins(value, enc_hook=str) if not isinstance(value, ObjectRef) else str(value)


def loaded(text):
    """One YAML document, read by libyaml where PyYAML has it: seven times as quick as PyYAML's own reader."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are safe ones


def dumped(answer):
    """YAML text of an answer; `rendered` alone writes files, so the layout of this text is nobody's matter."""
    return yaml.dump(answer, Dumper=_DUMPER, sort_keys=False, width=120)


def case_files():
    """Every case, sorted."""
    return sorted(CASES.rglob("*.yaml"))


def split(path):
    """The hand-written text and the expected answer (None before the first update)."""
    text = path.read_text()
    given, found, expected = text.partition("\n---\n")
    return given, loaded(expected) if found else None


def rendered(given, answer):
    """The whole file."""
    return given.rstrip("\n") + "\n---\n" + yaml.safe_dump(answer, sort_keys=False, width=120)
