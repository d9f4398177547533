"""Integrity proofs over JSON documents: ``eddsa-jcs-2022`` as in FEP-8b32, keys as Multikeys as in FEP-521a.

What is signed is the SHA-256 of the canonical proof options followed by the SHA-256 of the canonical document
(W3C vc-di-eddsa §3.3).  Canonical is RFC 8785.  A number that RFC 8785 cannot write exactly is refused on both
sides: rounding it would let two different documents share one signature.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import base58
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safeconduct.errors import CustodyError
from safeconduct.model import Json, Object

ED25519_PUBLIC = b"\xed\x01"
ED25519_SECRET = b"\x80\x26"
RSA_PUBLIC = b"\x85\x24"
SUITE = "eddsa-jcs-2022"
EXACT = 2**53 - 1
DEEPEST = 64


class ProofError(CustodyError):
    """A document cannot be signed, or a key cannot be read; the sentence says why."""


# --- keys ----------------------------------------------------------------------------------------------


def multikey(key: bytes, codec: bytes = ED25519_PUBLIC) -> str:
    """A key as base58btc Multikey text: an Ed25519 public key starts ``z6Mk`` (FEP-521a)."""
    return "z" + base58.b58encode(codec + key).decode("ascii")


def from_multikey(text: str, codec: bytes = ED25519_PUBLIC) -> bytes:
    """The bytes of a Multikey of this kind.  Raises ``ProofError`` if it is anything else."""
    if not isinstance(text, str) or not text.startswith("z"):
        raise ProofError("This key is not written as a Multikey (base58btc text that starts with z).")
    try:
        data = base58.b58decode(text[1:])
    except ValueError as error:
        raise ProofError("This key contains letters that base58 does not have.") from error
    if not data.startswith(codec):
        raise ProofError("This key is of another kind than the one needed here.")
    if codec != RSA_PUBLIC and len(data) != len(codec) + 32:
        raise ProofError("This key does not have the 32 bytes an Ed25519 key has.")
    return data[len(codec) :]


def public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a 32-byte seed."""
    return _private(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def did_key(public: bytes) -> str:
    """The verification method of a key that stands for itself: ``did:key:z6Mk…#z6Mk…``."""
    name = multikey(public)
    return f"did:key:{name}#{name}"


def from_did_key(method: str) -> bytes:
    """The public key inside a ``did:key`` (with or without fragment).  Raises ``ProofError``."""
    if not isinstance(method, str) or not method.startswith("did:key:"):
        raise ProofError("The proof names a key that is kept elsewhere, so it cannot be checked from this file alone.")
    name, _, fragment = method.removeprefix("did:key:").partition("#")
    if fragment and fragment != name:
        raise ProofError("The proof names two different keys at once.")
    return from_multikey(name)


def _private(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != 32:
        raise ProofError(f"A signing key is 32 bytes long; this one has {len(seed)}.")
    return Ed25519PrivateKey.from_private_bytes(seed)


# --- signing and checking ------------------------------------------------------------------------------


def sign(document: Object, seed: bytes, method: str, created: datetime | str) -> dict[str, Json]:
    """The document with a ``proof``; ``method`` is the id of the key, ``created`` a moment (or RFC 3339 text).

    The document given is not changed.  Raises ``ProofError`` for a document that already has a proof or holds
    what RFC 8785 cannot write exactly.
    """
    if "proof" in document:
        raise ProofError("This document already has a proof; take it off before signing again.")
    options: dict[str, Json] = {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
        "created": created if isinstance(created, str) else _rfc3339(created),
    }
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = _private(seed).sign(_digest(options, document))
    return {**document, "proof": {**options, "proofValue": "z" + base58.b58encode(signature).decode("ascii")}}


def verify(document: Object, public: bytes) -> bool:
    """Does the document carry a right proof by this Ed25519 key?  Whether that key may speak: the caller asks."""
    return problem(document, public) == ""


def problem(document: Object, public: bytes) -> str:
    """Why the proof is not right, as a sentence; "" if it is.  Never raises, whatever JSON it is given."""
    proof = document.get("proof")
    if not isinstance(proof, dict):
        return "There is no proof, or more than one."
    unfit = _unfit(proof)
    if unfit:
        return unfit
    # An older Linked Data signature is added after this proof, so it is not covered by it (FEP-8b32).
    bare = {key: value for key, value in document.items() if key not in ("proof", "signature")}
    if "@context" in proof:
        if not _begins(bare.get("@context"), proof["@context"]):
            return "The document's @context is not the one that was signed."
        bare["@context"] = proof["@context"]
    return _checked(bare, proof, public)


def _unfit(proof: Object) -> str:
    if proof.get("type") != "DataIntegrityProof" or proof.get("cryptosuite") != SUITE:
        return "The proof is of a kind we do not know."
    if proof.get("proofPurpose") != "assertionMethod":
        return "The proof was made for another purpose."
    value = proof.get("proofValue")
    return "" if isinstance(value, str) and value.startswith("z") else "The proof has no readable signature."


def _checked(bare: Object, proof: Object, public: bytes) -> str:
    options = {key: value for key, value in proof.items() if key != "proofValue"}
    try:
        signature = base58.b58decode(proof["proofValue"][1:])
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _digest(options, bare))
    except ProofError as error:
        return str(error)
    except ValueError:
        return "The key or the signature cannot be read."
    except InvalidSignature:
        return "The signature does not fit: the document was changed, or another key signed it."
    return ""


def _digest(options: Object, document: Object) -> bytes:
    return hashlib.sha256(canonical(options)).digest() + hashlib.sha256(canonical(document)).digest()


def canonical(value: Json) -> bytes:
    """The RFC 8785 bytes of a JSON value.  Raises ``ProofError`` where they would not be exact."""
    _exact(value, DEEPEST)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise ProofError(f"This document cannot be written in canonical form: {error}") from error


def _exact(value: Json, deeper: int) -> None:
    # Floats too: 9007199254740993.0 has lost its last digit before anybody could look.
    if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) <= EXACT:
        raise ProofError("This document holds a number beyond 2^53, which no signature can cover exactly.")
    if not isinstance(value, dict | list | tuple):
        return
    if deeper == 0:
        raise ProofError(f"This document is nested deeper than {DEEPEST} levels.")
    for part in value.values() if isinstance(value, dict) else value:
        _exact(part, deeper - 1)


def _begins(whole: Json, start: Json) -> bool:
    whole, start = ([part] if not isinstance(part, list) else part for part in (whole, start))
    return bool(whole[: len(start)] == start)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
