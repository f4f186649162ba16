"""Milvus Lite as a server: our launcher, which opens its port when the collections are loaded."""

import sys
from pathlib import Path
from typing import ClassVar

from infra.local.home import HOST, answers, secret
from infra.local.part import Part, inherited_environment
from infra.local.processes import Launch

CODE = Path(__file__).resolve().parents[2]


class Milvus(Part):
    """Data lies in `<home>/milvus`; the token every client must show is in `<home>/secrets/milvus.token`."""

    name: ClassVar[str] = "milvus"

    def prepare(self) -> None:
        self.folder.mkdir(exist_ok=True)
        secret(self.home.milvus_token)

    def launch(self) -> Launch:
        options = {
            "--data": self.folder,
            "--host": HOST,
            "--port": self.port,
            "--token-file": self.home.milvus_token,
        }
        arguments = [str(word) for option in options.items() for word in option]
        return Launch(
            command=[sys.executable, "-m", "infra.local.milvus_server", *arguments],
            environment={**inherited_environment(), "PYTHONPATH": str(CODE), "PYTHONUNBUFFERED": "1"},
            folder=self.home.root,
            fingerprint=str(self.port),
        )

    def healthy(self) -> bool:
        return answers(self.port)
