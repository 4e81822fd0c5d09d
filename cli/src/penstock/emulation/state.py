"""Makes ministack load its state from snapshots, and note when it changes."""

# ruff: noqa: SLF001

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from penstock.emulation.items import Extent, ItemJournal, Table
from penstock.emulation.kinds import App, Scope
from penstock.emulation.logs import JobLogs, StoredEvents
from penstock.emulation.snapshots import Changes, Snapshots

ITEMS = "items"
"""The part of a snapshot that records the extent of the journal."""

_stored_code: dict[int, tuple[bytes, str]] = {}


def snapshots_in(folder: Path, logs: JobLogs) -> Snapshots:
    """The snapshots in this folder, in ministack's own form of its state."""
    from ministack.core import persistence as form

    def encode(value: Any) -> Any:
        return logs.encode(value) if isinstance(value, StoredEvents) else form._json_default(value)

    def decode(value: dict[str, Any]) -> Any:
        found = logs.decode(value)
        return found if isinstance(found, StoredEvents) else form._json_object_hook(found)

    return Snapshots(folder, os.environ["GATEWAY_PORT"], encode, decode)


def states_of_all_services() -> dict[str, Callable[[], Any]]:
    """A function for each service that returns its state, by the name of its file."""
    from ministack import app

    states: dict[str, Callable[[], Any]] = app._build_persistence_save_dict()
    if "dynamodb" in states:
        states["dynamodb"] = _without_items(states["dynamodb"])
    return states


def _without_items(get_state: Callable[[], Any]) -> Callable[[], Any]:
    def state() -> Any:
        found = get_state()
        for key, table in found["tables"]._data.items():
            found["tables"]._data[key] = {**table, "items": {}}
        return found

    return state


def journal_in(folder: Path) -> ItemJournal:
    """The journal in this folder; ministack notes every change of an item in it."""
    from ministack.services import dynamodb

    def tables() -> list[Table]:
        return list(dynamodb._tables._data.values())

    journal = ItemJournal(folder, tables)
    dynamodb._set_item = journal.after(dynamodb._set_item)
    dynamodb._remove_item = journal.after(dynamodb._remove_item)
    dynamodb._items_replaced = journal.after_all(dynamodb._items_replaced)
    return journal


def store_function_code() -> None:
    """Hash and write new zips of functions in the parent: a forked child cannot remember them.

    Keyed by identity: a zip is never changed in place, and a reference to it is kept as long as a
    function has it.
    """
    from ministack.services import lambda_svc

    stored = {
        id(code): _stored_code.get(id(code)) or (code, lambda_svc.write_code_blob(code))
        for code in _function_codes()
    }
    _stored_code.clear()
    _stored_code.update(stored)


def _function_codes() -> Iterator[bytes]:
    from ministack.services import lambda_svc

    for function in list(lambda_svc._functions._data.values()):
        for record in (function, *function.get("versions", {}).values()):
            code = record.get("code_zip")
            if isinstance(code, bytes):
                yield code


def share_function_code() -> None:
    """Hold a zip once in memory, however many functions are made of it."""
    from ministack.services import lambda_svc

    fetch = lambda_svc._fetch_code_from_s3

    def fetch_shared(*args: Any, **kwargs: Any) -> bytes | None:
        fetched: bytes | None = fetch(*args, **kwargs)
        return next((code for code in _function_codes() if code == fetched), fetched)

    lambda_svc._fetch_code_from_s3 = fetch_shared


def _hash_of_stored_code(code: bytes) -> str:
    return _stored_code[id(code)][1]


def keep_state_in(snapshots: Snapshots, journal: ItemJournal) -> None:
    """Make ministack load from the snapshots, and never save by itself."""
    from ministack import app
    from ministack.services import lambda_svc

    def load(service: str) -> Any:
        state = snapshots.load(service)
        if state and service == "sqs":
            return with_deliveries_undone(state, snapshots)
        if state and service == "dynamodb":
            return with_items(state, snapshots, journal)
        return state

    app.load_state = load
    app.save_all = lambda _services: None
    lambda_svc.write_code_blob = lambda_svc._write_code_blob
    lambda_svc._write_code_blob = _hash_of_stored_code
    # ministack would remove zips that the previous snapshot still uses.
    lambda_svc._prune_orphan_code_blobs = lambda _referenced: None


def with_items(state: Any, snapshots: Snapshots, journal: ItemJournal) -> Any:
    """The tables, with their items from the journal."""
    journal.extent = saved_extent(snapshots)
    found = journal.read(journal.extent)
    journal.forget_others(journal.extent)
    for table in state["tables"]._data.values():
        # States saved by an earlier version hold the items themselves.
        table["items"] = found.get(table.get("TableId", ""), table["items"])
    return state


def saved_extent(snapshots: Snapshots) -> Extent:
    """The extent of the journal in the newest snapshot."""
    return Extent(**(snapshots.load(ITEMS) or {}))


def with_deliveries_undone(state: Any, snapshots: Snapshots) -> Any:
    """The queues, with the messages that functions had received visible again.

    Functions end with the emulator. Runners do not: their messages stay hidden until the
    visibility timeout.
    """
    mappings = (snapshots.load("lambda") or {}).get("esms", SimpleNamespace(_data={}))._data
    of_functions = {mapping["EventSourceArn"] for mapping in mappings.values()}
    for queue in state["queues"]._data.values():
        if queue["attributes"].get("QueueArn") in of_functions:
            for message in queue["messages"]:
                if message["receive_count"]:
                    message["visible_at"] = min(message["visible_at"], time.time())
    return state


def note_changes(changes: Changes) -> None:
    """Note changes that no request makes: deliveries to functions, and their logs."""
    from ministack.services import lambda_svc, sqs

    sqs._collect_msgs = changes.after(sqs._collect_msgs, only_if_result=True)
    lambda_svc._execute_function = changes.after(lambda_svc._execute_function)
    sqs._delete_messages_for_esm = changes.after(sqs._delete_messages_for_esm)


def noting_writes(app: App, changes: Changes) -> App:
    """Wrap the app so that every request notes a change, except those that only read."""

    async def noting(scope: Scope, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if scope["type"] == "http" and not _only_reads(scope):
            changes.note()

    return noting


_READS = (b"BatchGet", b"Describe", b"Filter", b"Get", b"List", b"Query", b"Receive", b"Scan")


def _only_reads(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            return bool(value.rpartition(b".")[2].startswith(_READS))
    return scope["method"] in {"GET", "HEAD", "OPTIONS"}
