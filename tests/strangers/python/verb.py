"""Calls one verb of a participant as a coordinator would, many times at once.

    verb.py HOST:PORT SERVICE VERB GID BRANCH TIMES PAYLOAD

Prints a JSON list: each call's status code and reason, and the bytes of its reply in hex.
"""

import json
import sys
import threading
import time

import details
import grpc


def main():
    endpoint, service, verb, gid, branch, times, payload = sys.argv[1:]
    channel = grpc.insecure_channel(endpoint)
    grpc.channel_ready_future(channel).result(timeout=30)
    call = channel.unary_unary(f"/{service}/{verb}")
    answers = [None] * int(times)
    together = threading.Barrier(len(answers))

    def one(number):
        metadata = (
            ("tercet-gid", gid),
            ("tercet-branch", branch),
            ("tercet-phase", verb.lower()),
            ("tercet-attempt", str(number + 1)),
            ("tercet-try-deadline", str(int(time.time() * 1000) + 30_000)),
            ("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"),
        )
        together.wait()
        try:
            reply = call(payload.encode(), metadata=metadata, timeout=30)
            answers[number] = {"code": "OK", "reason": None, "reply": reply.hex()}
        except grpc.RpcError as error:
            reason = details.reason(error.trailing_metadata())
            answers[number] = {"code": error.code().name, "reason": reason, "reply": ""}

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(answers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
