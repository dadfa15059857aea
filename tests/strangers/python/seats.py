"""A participant that sells seats, written from the contract alone: grpcio, sqlite3, no generated code.

    seats.py PORT DATABASE

The action is `stranger.seats.v1.SeatService` with try, confirm and cancel. Its request is JSON, which the coordinator
passes on unread: {"seat": "A1"}, and what the test wants it to do besides:

    "hold": true        a try waits until ControlService.Release, and only then looks at its fence
    "working": {"try": 4, "confirm": 2}
                        so many calls of that verb answer "still working" (UNAVAILABLE with RetryInfo) first;
                        "released" instead of a number: until ControlService.Release
    "reply": {"try": 70000}
                        so many bytes of reply
    "garbage": true     the reply is no message of any kind
"""

import json
import sqlite3
import sys
import threading
import time
from concurrent import futures

import details
import grpc

SERVICE = "/stranger.seats.v1.SeatService/"
RELEASE = "/stranger.seats.v1.ControlService/Release"
DOMAIN = "stranger.seats.v1.SeatService"
# At least twice as long as the coordinator keeps what has ended.
FENCE_RETENTION_MS = 14 * 24 * 3600 * 1000
GARBAGE = b"\xff\xff\xff\xff\x0f\x00no message\xfe"

TABLES = """
PRAGMA journal_mode = WAL;
-- The fence: one row a branch, written together with the seat. Texts compare byte by byte.
CREATE TABLE IF NOT EXISTS fence (
    gid TEXT NOT NULL, branch TEXT NOT NULL, state TEXT NOT NULL, request BLOB NOT NULL, reply BLOB NOT NULL,
    PRIMARY KEY (gid, branch)
);
CREATE TABLE IF NOT EXISTS seat (name TEXT PRIMARY KEY, state TEXT NOT NULL, moves INTEGER NOT NULL DEFAULT 0);
-- For the test: every call and what became of it.
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY, gid TEXT, branch TEXT, phase TEXT, attempt INTEGER, verdict TEXT
);
"""


class Refusal(Exception):
    """FAILED_PRECONDITION with that reason."""


class Seats:
    def __init__(self, database):
        self.database = database
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.answered_working = {}
        with self.connect() as connection:
            connection.executescript(TABLES)
            for name in ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"):
                connection.execute("INSERT OR IGNORE INTO seat (name, state) VALUES (?, 'free')", (name,))

    def connect(self):
        return sqlite3.connect(self.database, timeout=30, isolation_level=None)

    # What the verbs do, each in the SQL transaction of its fence row.

    def move(self, connection, request, before, after, reason):
        done = connection.execute(
            "UPDATE seat SET state = ?, moves = moves + 1 WHERE name = ? AND state = ?",
            (after, request["seat"], before),
        )
        if done.rowcount != 1:
            raise Refusal(reason)

    def try_(self, connection, request):
        self.move(connection, request, "free", "held", "SEAT_TAKEN")

    def confirm(self, connection, request):
        self.move(connection, request, "held", "sold", "NOT_HELD")

    def cancel(self, connection, request):
        self.move(connection, request, "held", "free", "NOT_HELD")

    # The fence: the table of the contract, insert first, conditional updates only.

    def fenced_try(self, connection, key, payload, reply):
        try:
            connection.execute("INSERT INTO fence VALUES (?, ?, 'tried', ?, ?)", (*key, payload, reply))
        except sqlite3.IntegrityError:
            state, first = connection.execute(
                "SELECT state, reply FROM fence WHERE gid = ? AND branch = ?", key
            ).fetchone()
            if state == "cancelled":
                raise Refusal("CANCELLED_BEFORE_TRY") from None
            return "repeated", first
        self.try_(connection, json.loads(payload))
        return "ran", reply

    def fenced_second(self, connection, key, phase, payload):
        end = {"confirm": "confirmed", "cancel": "cancelled"}[phase]
        done = connection.execute(
            "UPDATE fence SET state = ?, request = x'' WHERE gid = ? AND branch = ? AND state = 'tried'", (end, *key)
        )
        if done.rowcount == 1:
            (self.confirm if phase == "confirm" else self.cancel)(connection, json.loads(payload))
            return "ran"
        row = connection.execute("SELECT state FROM fence WHERE gid = ? AND branch = ?", key).fetchone()
        if row is None and phase == "confirm":
            raise Refusal("NEVER_TRIED")
        if row is None:
            connection.execute("INSERT INTO fence VALUES (?, ?, 'cancelled', x'', x'')", key)
            return "recorded"
        if row[0] == end:
            return "repeated"
        raise Refusal("ALREADY_CANCELLED" if phase == "confirm" else "ALREADY_CONFIRMED")

    # A call.

    def serve(self, phase, payload, context):
        metadata = dict(context.invocation_metadata())
        key = (metadata["tercet-gid"], metadata["tercet-branch"])
        if metadata["tercet-phase"] != phase:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the metadata names another phase")
        request = json.loads(payload)
        if self.still_working(key, phase, request):
            self.journal(key, phase, metadata, "still working")
            status = details.retry_info(grpc.StatusCode.UNAVAILABLE.value[0], "still working", 0.02)
            context.set_trailing_metadata(((details.KEY, status),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "still working")
        if phase == "try" and request.get("hold"):
            self.journal(key, phase, metadata, "held")
            self.released.wait()
        reply = GARBAGE if request.get("garbage") else bytes(request.get("reply", {}).get(phase, 0))
        connection = self.connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            if phase == "try":
                late = time.time() * 1000 - int(metadata["tercet-try-deadline"])
                if late > FENCE_RETENTION_MS / 2:
                    raise Refusal("TOO_LATE")
                verdict, reply = self.fenced_try(connection, key, payload, reply)
            else:
                verdict = self.fenced_second(connection, key, phase, payload)
            connection.execute("COMMIT")
        except Refusal as refusal:
            connection.execute("ROLLBACK")
            self.journal(key, phase, metadata, str(refusal))
            code = grpc.StatusCode.FAILED_PRECONDITION
            status = details.error_info(code.value[0], "refused", str(refusal), DOMAIN)
            context.set_trailing_metadata(((details.KEY, status),))
            context.abort(code, "refused")
        finally:
            connection.close()
        self.journal(key, phase, metadata, verdict)
        return reply

    def still_working(self, key, phase, request):
        wanted = request.get("working", {}).get(phase, 0)
        if wanted == "released":
            return not self.released.is_set()
        with self.lock:
            answered = self.answered_working.get((key, phase), 0)
            self.answered_working[(key, phase)] = answered + 1
        return answered < wanted

    def journal(self, key, phase, metadata, verdict):
        connection = self.connect()
        connection.execute(
            "INSERT INTO journal (gid, branch, phase, attempt, verdict) VALUES (?, ?, ?, ?, ?)",
            (*key, phase, int(metadata["tercet-attempt"]), verdict),
        )
        connection.close()

    def release(self, _payload, _context):
        self.released.set()
        return b""


class Handlers(grpc.GenericRpcHandler):
    """Bytes in, bytes out."""

    def __init__(self, seats):
        self.methods = {RELEASE: seats.release}
        for name in ("Try", "Confirm", "Cancel"):
            self.methods[SERVICE + name] = lambda payload, context, phase=name.lower(): seats.serve(
                phase, payload, context
            )

    def service(self, handler_call_details):
        method = self.methods.get(handler_call_details.method)
        return method and grpc.unary_unary_rpc_method_handler(method)


def main():
    port, database = sys.argv[1:]
    # Held tries must not keep the cancels out.
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=64),
        handlers=[Handlers(Seats(database))],
        # Two servers on one port would share its connections.
        options=[("grpc.so_reuseport", 0)],
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
