"""Settings: the one reader of the environment. Built once in `main()`, frozen, passed down.

Where the environment is silent, the local stack's own note (`<home>/stack.json`) says where its parts are.
A secret is named by the file that holds it; `read_secret` opens it at the moment of use.
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.duration import Duration
from schemas.errors import Misconfigured

PREFIX = "FRESHLINE_"
_OF_COMPOSE = tuple(
    PREFIX + name
    for name in ("POSTGRES_PASSWORD", "MILVUS_PASSWORD", "POSTGRES_PORT", "KAFKA_PORT", "CONNECT_PORT", "MILVUS_PORT")
)
"""Variables that infra/compose.yaml reads, and nothing else does."""
_OF_COMMANDS = (PREFIX + "TOKEN",)
"""A secret that a command takes (`freshline mcp`) and that no setting should hold."""


class Settings(BaseModel):
    """Each field is read from FRESHLINE_<NAME>. Durations are in seconds, written with a unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Path(".freshline")
    """Where the local stack, models and keys live."""
    sources: Path = Path("connectors/sources")
    """The folder of source contracts."""
    kafka: str = "127.0.0.1:9092"
    connect_url: str = "http://127.0.0.1:8083"
    milvus_uri: str = "http://127.0.0.1:19530"
    milvus_token_file: Path | None = None
    pg_host: str = "127.0.0.1"
    pg_port: int = 5432
    pg_user: str = "postgres"
    pg_database: str = "company"
    pg_password_file: Path | None = None
    collection: str = Field(default="freshline", pattern=r"^[a-z][a-z0-9_]{0,40}$")
    model: str = "auto"
    """A fastembed model name; auto = the prepared local model if there is one, else BAAI/bge-small-en-v1.5."""
    cores: int = Field(default=2, ge=1)
    """Threads that embed."""
    group: str = "freshline"
    """The consumer group of the stream job."""
    partitions: int = Field(default=4, ge=1)
    """Of freshline.changes and of each raw topic, when `sources apply` creates them."""
    batch_size: int = Field(default=200, ge=1)
    """Events of one batch, at most; a batch is what has come while the one before was at work."""
    max_text_bytes: int = Field(default=200_000, ge=1)
    """A longer text is dead-lettered."""
    api_host: str = "127.0.0.1"
    api_port: int = 8600
    audience: str = "freshline"
    oidc_issuer: str = ""
    """The identity provider whose JWTs count besides our own tokens, exactly as it names itself; empty = none."""
    oidc_audience: str = ""
    oidc_jwks_file: Path | None = None
    oidc_jwks_url: str = ""
    """Where its public keys are: a file, or a URL (https, but for loopback)."""
    oidc_subject_claim: str = "sub"
    oidc_tenant_claim: str = "tenant"
    oidc_agent_claim: str = ""
    """The claim that names the program that asks on the user's behalf; empty = none is named."""
    oidc_attribute_claims: str = ""
    """Claims, separated by commas, that become attributes of who asks; each must be text."""
    policies: Path = Path("connectors/policies")
    """The folder of access policies."""
    user_attributes: str = ""
    """Attributes of who asks, separated by commas, that policies may speak of, besides those of the claims above."""
    permission_lag_limit: Duration = 15.0
    """Beyond this lag nothing is shown: of a source by its watermark, of all by the view of labels and relations."""
    request_timeout: Duration = 10.0
    decisions_url: str = ""
    """postgresql://user@host/database of the decision log; empty = a SQLite file under the home."""
    decisions_password_file: Path | None = None
    reranker: str = ""
    """A fastembed cross-encoder that is here: a folder with model.onnx and its tokenizer's files, or the name of one in
    fastembed's cache; empty = questions with `rerank` are refused."""
    operator_tenants: str = ""
    """Tenants, separated by commas, whose askers may see counts over all tenants, if they may `audit`; empty = none."""
    api_hosts: str = ""
    """Names under which clients reach the API, separated by commas, with the port where it is not the scheme's own. MCP
    over HTTP answers for these and for loopback, only."""

    rate_agent: str = "6000/minute"
    """How often one agent of one user may ask; a sliding window, as `limits` writes it."""
    rate_tenant: str = "30000/minute"
    """How often all askers of a tenant may."""
    rate_bad_tokens: str = "1200/minute"
    """After so many tokens from one network address that did not count, others of it are not even looked at."""
    limits_storage: str = "memory://"
    """Where that is counted: in this process, or e.g. redis://host for several processes together."""
    threads: int = Field(default=8, ge=2)
    """Questions that are answered at the same time."""
    waiting: int = Field(default=56, ge=0)
    """Questions that may wait for their turn besides; the next is refused."""
    max_body_bytes: int = Field(default=64 * 1024, ge=1024)
    """Of a request."""
    cors_origins: str = ""
    """Origins, separated by commas, whose pages' scripts may read answers; empty = none."""
    tokenizer: Path | None = None
    """A tokenizer.json that counts the tokens of an answer; none = the embedder's own."""

    webhook_allow: str = ""
    """Networks, separated by commas, that webhooks may be sent to although they are not public, by http, too; empty =
    public addresses by https, only."""

    def vouched_attributes(self) -> frozenset[str]:
        """Attributes of who asks that an identity vouches for."""
        names = f"{self.oidc_attribute_claims},{self.user_attributes}".split(",")
        return frozenset(name.strip() for name in names if name.strip())

    def operators(self) -> frozenset[str]:
        """Tenants whose askers may see counts over all tenants."""
        return frozenset(name.strip() for name in self.operator_tenants.split(",") if name.strip())

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment. Raises Misconfigured naming every wrong variable at once."""
        given = {name: environ[PREFIX + name.upper()] for name in cls.model_fields if PREFIX + name.upper() in environ}
        home = Path(given.get("home", cls.model_fields["home"].default))
        try:
            return cls.model_validate({**_local_stack(home), **given})
        except ValidationError as error:
            wrong = "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
            raise Misconfigured(f"settings are not usable: {wrong}") from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A line for each FRESHLINE_… variable that means nothing, with the one that may be meant. Values are not shown."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    meant = {*known, *_OF_COMPOSE, *_OF_COMMANDS}
    lines = []
    for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in meant):
        close = get_close_matches(name, known, n=1, cutoff=0.75)
        advice = f"did you mean {close[0]}?" if close else "schemas/settings.py lists all that there are"
        lines.append(f"{name} is no setting of Freshline and changes nothing; {advice}")
    return lines


def read_secret(path: Path | None) -> str:
    """The secret a file holds, without the space around it. Raises Misconfigured, never showing what it read."""
    if path is None:
        return ""
    try:
        return path.read_text().strip()
    except OSError as error:
        raise Misconfigured(f"the secret file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"the secret file {path} does not hold text") from None


def _local_stack(home: Path) -> dict[str, Any]:
    note = home / "stack.json"
    if not note.is_file():
        return {}
    try:
        return _places(json.loads(note.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{note} is damaged ({type(error).__name__}); run: make down, then make up") from None


def _places(stack: dict[str, Any]) -> dict[str, Any]:
    postgres, milvus = stack["postgres"], stack["milvus"]
    found: dict[str, Any] = {
        "kafka": stack["kafka"]["bootstrap"],
        "connect_url": stack["connect"]["url"],
        "milvus_uri": milvus["uri"],
        "milvus_token_file": milvus["token_file"],
        "pg_password_file": postgres["password_file"],
        **{f"pg_{name}": postgres[name] for name in ("host", "port", "user", "database")},
    }
    if "api" in stack:
        found["api_port"] = stack["api"]["url"].rsplit(":", 1)[-1]
    return found
