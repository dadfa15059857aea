"""Calls any rpc with no proto files: the messages come from the server, by reflection.

    call.py HOST:PORT SERVICE/METHOD JSON

Prints the answer as JSON, or {"code": …, "reason": …, "message": …}, and ends with 1.
"""

import json
import sys

import details
import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main():
    endpoint, rpc, text = sys.argv[1:]
    service, method = rpc.split("/")
    channel = grpc.insecure_channel(endpoint)
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    found = pool.FindServiceByName(service).FindMethodByName(method)
    request_class = message_factory.GetMessageClass(found.input_type)
    response_class = message_factory.GetMessageClass(found.output_type)
    request = json_format.ParseDict(json.loads(text), request_class(), descriptor_pool=pool)
    kind = channel.unary_stream if found.server_streaming else channel.unary_unary
    call = kind(
        f"/{rpc}", request_serializer=request_class.SerializeToString, response_deserializer=response_class.FromString
    )
    try:
        answers = list(call(request, timeout=30)) if found.server_streaming else [call(request, timeout=30)]
    except grpc.RpcError as error:
        reason = details.reason(error.trailing_metadata())
        print(json.dumps({"code": error.code().name, "reason": reason, "message": error.details()}))
        sys.exit(1)
    for answer in answers:
        print(json.dumps(json_format.MessageToDict(answer, descriptor_pool=pool)))


if __name__ == "__main__":
    main()
