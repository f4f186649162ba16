"""Names, fingerprints and shape of a prepared model's files."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
STAMP = "prepared.json"
RECIPE = 1
"""Count up when the conversion changes what it writes: older folders are then prepared again."""


WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of all-MiniLM-L6-v2's official model.safetensors; the fingerprint of vectors made with them."""


@dataclass(frozen=True, slots=True)
class BertShape:
    """What the weights leave open. `epsilon` keeps layer normalisation from dividing by zero."""

    layers: int
    heads: int
    epsilon: float


def prepared_folder(home: Path) -> Path:
    """Where `prepare` puts the offline model."""
    return home / "models" / "all-MiniLM-L6-v2"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_stamp(folder: Path) -> None:
    """The last step of a conversion: says which recipe made the files, and what each must hash to."""
    files = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}
    (folder / STAMP).write_text(json.dumps({"recipe": RECIPE, "files": files}, indent=2) + "\n")


def is_intact(folder: Path) -> bool:
    """True if this recipe made the folder and no file of it is missing or altered since."""
    try:
        stamp = json.loads((folder / STAMP).read_text())
        files: dict[str, str] = stamp["files"]
        return (
            stamp["recipe"] == RECIPE
            and MODEL in files
            and all(sha256(folder / name) == digest for name, digest in files.items())
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def bert_shape(folder: Path) -> BertShape:
    """The shape that a model's `config.json` states."""
    config = json.loads((folder / "config.json").read_text())
    return BertShape(config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"])
