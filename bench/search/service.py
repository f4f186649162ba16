"""The API process of this measurement: `python -m bench.search.service`, with the product's own settings.

Everything is what `freshline serve` composes, from the socket to the decision log on disk; only what follows Kafka is
missing: the permissions are put into the view at the start, and progress is told as if it came. Prints `ready`.
"""

import logging
import os
import sys
import threading

import uvicorn

from bench.search.company import beat, fill
from query.api import create_app
from query.capabilities.revoked import Revocations
from query.decisions.keys import audit_folder, load_or_make_key
from query.decisions.recorder import Recorder
from query.decisions.service import open_store
from query.grounds import grounds_of
from query.live_index import LiveIndex, index_of
from query.serve import compose, server_config
from schemas.garbage import spare_garbage
from schemas.settings import Settings


class Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        sys.stdout.write("ready\n")
        sys.stdout.flush()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.load(os.environ)
    grounds, revocations, stopping = grounds_of(settings), Revocations(), threading.Event()
    fill(grounds)
    recorder = Recorder(open_store(settings), load_or_make_key(audit_folder(settings.home)))
    index = LiveIndex(index_of(settings))
    deps = compose(settings, grounds, revocations, index, recorder)
    threads = [
        threading.Thread(target=beat, args=[grounds, revocations, stopping], daemon=True),
        threading.Thread(target=index.look_ahead, args=[stopping], daemon=True),
        threading.Thread(target=grounds.policies.watch, args=[stopping], daemon=True),
    ]
    for thread in threads:
        thread.start()
    spare_garbage()
    Server(server_config(create_app(deps), settings)).run()


if __name__ == "__main__":
    main()
