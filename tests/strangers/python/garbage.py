"""A port that answers every call with something that is no gRPC answer.

    garbage.py PORT KIND

Kinds: `close`, `noise`, `http1`, and over HTTP/2 framed by hand: `no-status`, `word-status`, `status-999`, `short`
(a message that ends before its length), `compressed` (a flag that nothing announced), `html-503`, `html-404`,
`details` (a grpc-status-details-bin that is no message).
"""

import os
import socket
import struct
import sys
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# Of HPACK's static table, and literals that nobody indexes.
STATUS = {200: b"\x88", 404: b"\x8d"}


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def status(code):
    return STATUS.get(code) or literal(b":status", str(code).encode())


GRPC = status(200) + literal(b"content-type", b"application/grpc")
HTML = literal(b"content-type", b"text/html")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def trailers_only(stream, headers):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, headers)


def message(stream, prefix, body):
    trailers = literal(b"grpc-status", b"0")
    return (
        frame(HEADERS, END_HEADERS, stream, GRPC)
        + frame(DATA, 0, stream, prefix + body)
        + frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers)
    )


ANSWERS = {
    "no-status": lambda s: trailers_only(s, GRPC),
    "word-status": lambda s: trailers_only(s, GRPC + literal(b"grpc-status", b"fine")),
    "status-999": lambda s: trailers_only(s, GRPC + literal(b"grpc-status", b"999")),
    "short": lambda s: message(s, struct.pack(">BI", 0, 100), b"abc"),
    "compressed": lambda s: message(s, struct.pack(">BI", 1, 3), b"abc"),
    "html-503": lambda s: trailers_only(s, status(503) + HTML),
    "html-404": lambda s: trailers_only(s, status(404) + HTML),
    "details": lambda s: trailers_only(
        s,
        GRPC
        + literal(b"grpc-status", b"14")
        + literal(b"grpc-status-details-bin", b"/////w8A")
        + literal(b"grpc-message", b"%zz%"),
    ),
}


def read(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def speak_http2(connection, answer):
    if read(connection, len(PREFACE)) != PREFACE:
        return
    connection.sendall(frame(SETTINGS, 0, 0))
    while True:
        head = read(connection, 9)
        length = int.from_bytes(head[:3], "big")
        kind, flags = head[3], head[4]
        stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        payload = read(connection, length)
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            connection.sendall(frame(PING, ACK, 0, payload))
        elif kind in (DATA, HEADERS) and flags & END_STREAM:
            connection.sendall(answer(stream))


def serve(connection, kind):
    try:
        if kind == "noise":
            connection.sendall(os.urandom(4096))
        elif kind == "http1":
            read(connection, len(PREFACE))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nfine")
        elif kind != "close":
            speak_http2(connection, ANSWERS[kind])
    except OSError:
        pass
    finally:
        connection.close()


def main():
    port, kind = sys.argv[1:]
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, kind), daemon=True).start()


if __name__ == "__main__":
    main()
