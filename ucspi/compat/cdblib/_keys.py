"""Keys as pure-cdb takes them: bytes, text, numbers, or any type with an encoder."""

from ucspi import cdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Hash = Callable[[bytes], int]
    Encoders = Mapping[type, Callable[[Any], bytes]]

ENCODERS: "Encoders" = {str: str.encode, int: lambda number: b"%d" % number}
PROBES = (b"", b"a", b"afcyda}", b"1.2.3.4", bytes(range(256)))


class Keys:
    """Encodes and hashes keys, for readers and writers."""

    def __init__(
        self, *, hashfn: "Hash" = cdb.hash, strict: bool = False, encoders: "Encoders | None" = None
    ) -> None:
        """Set how keys become bytes.

        Args:
            hashfn: must compute djb's hash in its lower 32 bits; ours is used.
            strict: only bytes are keys.
            encoders: functions that return a key of an exact type as bytes.  They
                are added to those for str and int, or replace them.

        Raises:
            ValueError: ``hashfn`` computes something else.
        """
        if hashfn is not cdb.hash and any(hashfn(probe) & 0xFFFFFFFF != cdb.hash(probe) for probe in PROBES):
            raise ValueError("hashfn does not compute the hash of cdb files")
        self.hashfn = hashfn
        self.encoders = {} if strict else {**ENCODERS, **(encoders or {})}
        self._strict = strict

    def hash_key(self, key: object) -> tuple[bytes, int]:
        """Return a key as bytes, and its hash."""
        encoded = self._encoded(key)
        return encoded, cdb.hash(encoded)

    def hash_key_strict(self, key: object) -> tuple[bytes, int]:
        """Return a bytes key and its hash; another type is a TypeError."""
        if not isinstance(key, bytes):
            raise TypeError("key must be of type bytes")
        return key, cdb.hash(key)

    def _encoded(self, key: object) -> bytes:
        if isinstance(key, bytes):
            return key
        if self._strict:
            raise TypeError("key must be of type bytes")
        try:
            encoder = self.encoders[type(key)]
        except KeyError:
            raise KeyError(f"could not encode {key} to bytes") from None
        return encoder(key)
