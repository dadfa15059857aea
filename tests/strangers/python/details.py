"""google.rpc.Status and what it carries, byte by byte: no generated code, only the numbers of the public protos."""

KEY = "grpc-status-details-bin"
PREFIX = "type.googleapis.com/google.rpc."


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field, number):
    return _varint(field << 3) + _varint(number)


def _bytes(field, value):
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _status(code, message, name, value):
    detail = _bytes(1, PREFIX + name) + _bytes(2, value)
    return _number(1, code) + _bytes(2, message) + _bytes(3, detail)


def error_info(code, message, reason, domain):
    """A Status with an ErrorInfo."""
    return _status(code, message, "ErrorInfo", _bytes(1, reason) + _bytes(2, domain))


def retry_info(code, message, seconds):
    """A Status with a RetryInfo."""
    whole = int(seconds)
    duration = _number(1, whole) + _number(2, int((seconds - whole) * 1e9))
    return _status(code, message, "RetryInfo", _bytes(1, duration))


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a message: number and value."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 == 0:
            value, at = _read_varint(data, at)
        elif key & 7 == 2:
            length, at = _read_varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def reason(trailing_metadata):
    """The reason of the ErrorInfo in an answer's trailing metadata; None if there is none."""
    status = dict(trailing_metadata or ()).get(KEY)
    if status is None:
        return None
    for number, detail in fields(status):
        if number == 3:
            detail = dict(fields(detail))
            if detail[1].decode() == PREFIX + "ErrorInfo":
                return dict(fields(detail[2]))[1].decode()
    return None
