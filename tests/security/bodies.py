"""Bodies that schemathesis does not know how to write."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/toml")
def toml(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Any text is tried as TOML; most of it is none, and has to be refused in words."""
    return (value if isinstance(value, str) else json.dumps(value)).encode()
