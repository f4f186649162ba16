"""Generations in Milvus: collections named by number, an alias that names the live one, facts as properties.

The alias `<index>_chunks` is the only switch, so that it turns at once. Milvus Lite and Milvus alike resolve it on each
call, keep it over restarts, and let it be altered under running searches.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from index.embedder import ModelSpec
from index.generations import Generation, Hold
from index.milvus_client import MilvusConnection
from index.milvus_schema import MODEL_PROPERTY, Names, make_collections
from schemas.errors import Misconfigured

NOT_FOUND = 100
REBUILD, HOLD, FED = "freshline.rebuild", "freshline.hold", "freshline.fed"
HELD = "freshline.held."
"""Before a partition's number."""


class MilvusGenerations:
    """See `index.generations.Catalogue`; what is beyond it is for `freshline rebuild`."""

    def __init__(self, uri: str, token: str, index: str, timeout: float = 10.0) -> None:
        self._milvus = MilvusConnection(uri, token, timeout)
        self._index, self._timeout = index, timeout

    def live(self) -> Generation | None:
        return self._milvus.call(lambda client: self._described(client, alias(self._index)))

    def live_number(self) -> int | None:
        """As `live`, but only its number."""
        return self._milvus.call(lambda client: live_number(client, self._index, self._timeout))

    def get(self, number: int) -> Generation | None:
        return self._milvus.call(lambda client: self._described(client, Names(self._index, number).chunks))

    def all(self) -> list[Generation]:
        """By number."""

        def find(client: MilvusClient) -> list[Generation]:
            there = client.list_collections(timeout=self._timeout)
            names = [name for name in there if number_of(self._index, name) is not None]
            found = [self._described(client, name) for name in names]
            return sorted((one for one in found if one is not None), key=lambda one: one.number)

        return self._milvus.call(find)

    def first(self, spec: ModelSpec) -> Generation:
        """The live generation; if there is none yet, generation 1, made for `spec`.

        Safe beside other processes that do the same, and after one that crashed at it. Raises Misconfigured where
        generations exist and none is live: then nobody can tell which of them is complete.
        """
        self._milvus.call(self._adopt)
        live = self.live()
        if live is not None:
            return live
        if any(one.number > 1 or one.fed is not None for one in self.all()):
            raise Misconfigured(f"no generation of the index {self._index!r} is live; run: freshline rebuild")
        self.make(1, spec)
        self.switch(1)
        made = self.live()
        assert made is not None
        return made

    def make(self, number: int, spec: ModelSpec) -> Generation:
        """Make a generation, empty, or complete what a crash left of it."""
        self._milvus.call(lambda client: make_collections(client, Names(self._index, number), spec))
        made = self.get(number)
        assert made is not None
        return made

    def switch(self, number: int) -> None:
        """Make a generation live."""
        chunks, name = Names(self._index, number).chunks, alias(self._index)

        def turn(client: MilvusClient) -> None:
            try:
                client.alter_alias(chunks, name)
            except MilvusException:
                if live_number(client, self._index, self._timeout) is None:
                    with suppress(MilvusException):  # somebody else has just made it
                        client.create_alias(chunks, name)
                client.alter_alias(chunks, name)

        self._milvus.call(turn)

    def drop(self, number: int) -> None:
        """Remove a generation with all it holds. Raises Misconfigured if it is live."""
        if self.live_number() == number:
            raise Misconfigured(f"generation {number} is live: it cannot be dropped")
        names = Names(self._index, number)
        # The chunks last: while they are there, the generation is known, and a crash can be made good.
        for name in (names.history, names.deleted, names.chunks):
            self._milvus.call(lambda client, name=name: client.drop_collection(name))  # type: ignore[misc]

    def acknowledge(self, number: int, hold: Hold, partitions: Iterable[int]) -> None:
        self._note(number, {f"{HELD}{partition}": hold.id for partition in partitions})

    def hold(self, number: int, hold: Hold | None) -> None:
        """Ask writers to pause, or let them go on."""
        self._note(number, {HOLD: json.dumps([hold.id, hold.target]) if hold else ""})

    def note_rebuild(self, number: int, words: str) -> None:
        """Say of a live generation which rebuild is under way; empty = none."""
        self._note(number, {REBUILD: words})

    def note_fed(self, number: int, offsets: Mapping[int, int]) -> None:
        """Say up to where a generation is complete."""
        self._note(number, {FED: json.dumps({str(partition): offset for partition, offset in offsets.items()})})

    def _note(self, number: int, properties: dict[str, str]) -> None:
        name = Names(self._index, number).chunks
        if properties:
            self._milvus.call(lambda client: client.alter_collection_properties(name, properties))

    def _described(self, client: MilvusClient, name: str) -> Generation | None:
        found = describe(client, name, self._timeout)
        number = number_of(self._index, found["collection_name"]) if found else None
        return None if found is None or number is None else _generation(number, found.get("properties", {}))

    def _adopt(self, client: MilvusClient) -> None:
        """Make the collections of an index from before there were generations its first."""
        first = Names(self._index, 1)
        for old, new in ((f"{self._index}_deleted", first.deleted), (alias(self._index), first.chunks)):
            found = describe(client, old, self._timeout)
            if found is not None and found["collection_name"] == old:
                client.rename_collection(old, new)
                client.load_collection(new)


def alias(index: str) -> str:
    """The name that stands for the chunks of the live generation."""
    return f"{index}_chunks"


def live_number(client: MilvusClient, index: str, timeout: float) -> int | None:
    try:
        target = client.describe_alias(alias(index), timeout)
    except MilvusException:
        if describe(client, alias(index), timeout) is None:
            return None
        target = client.describe_alias(alias(index), timeout)  # it was made in between
    return number_of(index, target["collection_name"])


def number_of(index: str, collection: str) -> int | None:
    """The number of the generation whose chunks a collection holds; None for any other collection."""
    match = re.fullmatch(rf"{re.escape(index)}_g([1-9]\d*)_chunks", collection)
    return int(match[1]) if match else None


def describe(client: MilvusClient, name: str, timeout: float) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.describe_collection(name, timeout)
    except MilvusException as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return found


def _generation(number: int, properties: Mapping[str, str]) -> Generation:
    try:
        hold, fed = properties.get(HOLD), properties.get(FED)
        return Generation(
            number=number,
            model=ModelSpec(**json.loads(properties[MODEL_PROPERTY])),
            rebuild=properties.get(REBUILD, ""),
            hold=Hold(*json.loads(hold)) if hold else None,
            held={int(name.removeprefix(HELD)): hold for name, hold in properties.items() if name.startswith(HELD)},
            fed={int(partition): offset for partition, offset in json.loads(fed).items()} if fed else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(
            f"generation {number} of the index says nothing usable of its model ({type(error).__name__}): another "
            "version of Freshline made it; run: freshline rebuild"
        ) from None
