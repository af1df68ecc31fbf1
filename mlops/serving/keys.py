"""Keys of those who may ask for predictions: shown once, kept as scrypt hashes in a file of mode 600."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mlops.adapters.lake.credentials import write_private
from mlops.runs.digest import document
from mlops.runs.errors import ConfigError, NotFound

FILE_NAME = "keys.json"
PREFIX = "mlops"

#: Parameters of scrypt as RFC 7914 and OWASP suggest for interactive use: 16 MiB and some 50 ms.
_N, _R, _P = 2**14, 8, 1
_MAX_CHECKED = 1024
_MAX_NAME = 64


@dataclass(frozen=True)
class ApiKey:
    """A key on record.

    Attributes:
        id: Its public part.
        name: What it is called by people.
        created_at_s: When it was made, Unix seconds.
        salt: For the hash, base64.
        digest: scrypt of the secret part, base64.
    """

    id: str
    name: str
    created_at_s: int
    salt: str
    digest: str


class ApiKeys:
    """The keys of a state folder; a change of the file counts at once.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._keys: dict[str, ApiKey] = {}
        self._checked: dict[bytes, bool] = {}

    def all(self) -> list[ApiKey]:
        """Return every key, oldest first.

        Raises:
            ConfigError: The file is damaged, or others than its owner can read it.
        """
        with self._lock:
            self._reload()
            return list(self._keys.values())

    def create(self, name: str, now_s: int) -> str:
        """Make a key and return its text, which is kept nowhere.

        Raises:
            ConfigError: The name is empty, too long, or taken.
        """
        if not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
            raise ConfigError(f"a name has 1 to {_MAX_NAME} printable characters", where=name)
        keys = self.all()
        if any(key.name == name for key in keys):
            raise ConfigError("there is a key of this name", where=name, todo=f"mlops keys revoke {name}")
        public, secret, salt = secrets.token_hex(4), secrets.token_urlsafe(32), secrets.token_bytes(16)
        made = ApiKey(public, name, now_s, _text(salt), _text(_digest(secret, salt)))
        self._write([*keys, made])
        return f"{PREFIX}_{public}_{secret}"

    def revoke(self, name: str) -> None:
        """Remove a key; a running server refuses it from then on.

        Raises:
            NotFound: There is none of that name.
        """
        keys = self.all()
        kept = [key for key in keys if key.name != name]
        if len(kept) == len(keys):
            raise NotFound("there is no key of this name", where=name, todo="mlops keys list")
        self._write(kept)

    def accepts(self, given: str) -> bool:
        """Return whether a text is one of the keys; the hash of one that was checked is not made again."""
        prefix, _, rest = given.partition("_")
        public, _, secret = rest.partition("_")
        if prefix != PREFIX or not secret:
            return False
        with self._lock:
            self._reload()
            key = self._keys.get(public)
            if key is None:
                return False
            seen = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
            if seen not in self._checked:
                if len(self._checked) >= _MAX_CHECKED:
                    self._checked.clear()
                made = _digest(secret, base64.b64decode(key.salt))
                self._checked[seen] = hmac.compare_digest(made, base64.b64decode(key.digest))
            return self._checked[seen]

    def _write(self, keys: list[ApiKey]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._file, document([asdict(key) for key in keys]).decode())

    def _reload(self) -> None:
        try:
            state = self._file.stat()
        except FileNotFoundError:
            self._keys, self._seen = {}, None
            self._checked.clear()
            return
        seen = (state.st_ino, state.st_mtime_ns)
        if seen == self._seen:
            return
        if state.st_mode & 0o077:
            raise ConfigError("others can read the keys", where=str(self._file), todo="chmod 600 it")
        try:
            kept = [ApiKey(**entry) for entry in json.loads(self._file.read_bytes())]
        except (ValueError, TypeError) as error:
            raise ConfigError("is no list of keys", where=str(self._file)) from error
        self._keys, self._seen = {key.id: key for key in kept}, seen
        self._checked.clear()


def keys_of(state_dir: Path) -> ApiKeys:
    """Return the keys of a state folder."""
    return ApiKeys(state_dir / "serving" / FILE_NAME)


def open_to_all(_given: str) -> bool:
    """Accept everybody: for a server that asks for no key."""
    return True


Accepts = Callable[[str], bool]


def _digest(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, n=_N, r=_R, p=_P)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
