"""hstore, as Debezium writes it: JSON text, its keys in the order of a Java HashMap. Pure."""

import json
import re

_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:NULL|"((?:[^"\\]|\\.)*)")', re.DOTALL)


def hstore_json(text: str) -> str:
    """`"a"=>"1", "b"=>NULL` becomes `{"a":"1","b":null}`."""
    pairs = {_plain(m[1]): None if m[2] is None else _plain(m[2]) for m in _PAIR.finditer(text)}
    buckets = 16
    while len(pairs) > buckets * 0.75:
        buckets *= 2
    ordered = sorted(pairs, key=lambda key: _spread(key) & (buckets - 1))
    return json.dumps({key: pairs[key] for key in ordered}, ensure_ascii=False, separators=(",", ":"))


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _spread(key: str) -> int:
    """java.util.HashMap's hash of a string: of its UTF-16 units."""
    units, value = key.encode("utf-16-be", "surrogatepass"), 0
    for at in range(0, len(units), 2):
        value = (31 * value + int.from_bytes(units[at : at + 2])) & 0xFFFFFFFF
    return value ^ (value >> 16)
