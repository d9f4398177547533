"""Proofs: the published vectors byte for byte, and that no change however small goes unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import base58
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.activitystreams import proofs

SEED = bytes(range(32))
METHOD = "https://old.example/users/alice#key"
WHEN = "2024-05-06T07:08:09Z"
FIXTURES = Path(os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[3] / "shared/fixtures")) / "fep"

documents = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda key: key not in ("proof", "signature")),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.text(st.characters(codec="utf-8"), max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner)
        ),
        max_leaves=8,
    ),
    min_size=1,
    max_size=5,
).filter(lambda document: "@context" not in document)


def vector(name: str) -> str:
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"the published vectors are not here: {path}")
    return path.read_text(encoding="utf-8")


def blocks(text: str) -> list[Any]:
    return [json.loads(block) for block in re.findall(r'"""(.*?)"""', text, re.DOTALL)]


def test_fep_8b32_signs_to_the_published_bytes() -> None:
    text = vector("fep-8b32.feature")
    plain, signed, again, actor = blocks(text)
    secret = proofs.from_multikey(re.findall(r'secret key "(z\w+)"', text)[0], proofs.ED25519_SECRET)
    assert proofs.sign(plain, secret, signed["proof"]["verificationMethod"], signed["proof"]["created"]) == signed
    public = proofs.from_multikey(actor["assertionMethod"][0]["publicKeyMultibase"])
    assert proofs.verify(again, public)
    assert proofs.public_key(secret) == public


def test_fep_c390_signs_to_the_published_bytes() -> None:
    text = vector("fep-c390.feature")
    plain, signed = blocks(text)[:2]
    secret = proofs.from_multikey(re.findall(r'private Key "(z\w+)"', text)[0], proofs.ED25519_SECRET)
    made = proofs.sign(plain, secret, signed["proof"]["verificationMethod"], signed["proof"]["created"])
    assert made == signed
    assert proofs.verify(signed, proofs.from_did_key(signed["subject"]))


def test_fep_521a_writes_both_kinds_of_keys() -> None:
    text = vector("fep-521a.feature")
    wanted = [block["publicKeyMultibase"] for block in blocks(text)]
    ed25519, rsa = (bytes.fromhex(key) for key in re.findall(r'hex string "([0-9a-f]+)"', text))
    assert [proofs.multikey(ed25519), proofs.multikey(rsa, proofs.RSA_PUBLIC)] == wanted
    assert proofs.from_multikey(wanted[0]) == ed25519
    assert proofs.from_multikey(wanted[1], proofs.RSA_PUBLIC) == rsa


def test_the_signed_bytes_are_the_two_digests_written_out_by_hand() -> None:
    signed = proofs.sign({"type": "Note", "content": "Grüße", "n": 1.0}, SEED, METHOD, WHEN)
    options = (
        '{"created":"2024-05-06T07:08:09Z","cryptosuite":"eddsa-jcs-2022","proofPurpose":"assertionMethod",'
        '"type":"DataIntegrityProof","verificationMethod":"https://old.example/users/alice#key"}'
    )
    digests = [hashlib.sha256(text.encode()).digest() for text in (options, '{"content":"Grüße","n":1,"type":"Note"}')]
    signature = base58.b58decode(signed["proof"]["proofValue"][1:])
    Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(signature, b"".join(digests))


@given(documents)
@settings(deadline=None, max_examples=60)
def test_what_was_signed_verifies_and_nothing_given_is_changed(document: dict[str, Any]) -> None:
    before = json.dumps(document)
    signed = proofs.sign(document, SEED, METHOD, WHEN)
    assert json.dumps(document) == before
    assert proofs.verify(signed, proofs.public_key(SEED))
    assert proofs.verify(signed, proofs.public_key(SEED)), "verifying must not use the document up"
    assert not proofs.verify(signed, proofs.public_key(bytes(32)))


@given(documents, st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), st.integers(0, 9))
@settings(deadline=None, max_examples=60)
def test_any_added_or_changed_value_is_noticed(document: dict[str, Any], key: str, value: int) -> None:
    signed = proofs.sign(document, SEED, METHOD, WHEN)
    if key in ("proof", "signature") or (key in document and document[key] == value):
        return
    assert not proofs.verify({**signed, key: value}, proofs.public_key(SEED))


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64, 9007199254740993.0, float("inf"), float("nan")])
def test_a_number_that_would_be_rounded_is_refused_by_both_sides(number: float) -> None:
    with pytest.raises(proofs.ProofError, match="beyond 2\\^53"):
        proofs.sign({"count": [{"n": number}]}, SEED, METHOD, WHEN)
    signed = proofs.sign({"count": 1}, SEED, METHOD, WHEN)
    assert "beyond 2^53" in proofs.problem({**signed, "count": number}, proofs.public_key(SEED))


def test_the_largest_exact_number_is_signed_exactly() -> None:
    signed = proofs.sign({"count": 2**53 - 1}, SEED, METHOD, WHEN)
    assert proofs.verify(signed, proofs.public_key(SEED))
    assert not proofs.verify({**signed, "count": 2**53 - 2}, proofs.public_key(SEED))


def test_a_context_may_grow_at_its_end_only() -> None:
    signed = proofs.sign({"@context": ["a", "b"], "n": 1}, SEED, METHOD, WHEN)
    public = proofs.public_key(SEED)
    assert proofs.verify({**signed, "@context": ["a", "b", "c"]}, public)
    assert not proofs.verify({**signed, "@context": ["c", "a", "b"]}, public)
    assert not proofs.verify({**signed, "@context": "a"}, public)


@pytest.mark.parametrize(
    "proof",
    [
        None,
        [],
        [{}],
        {},
        {"type": "DataIntegrityProof"},
        {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod"},
        {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "proofPurpose": "assertionMethod",
            "proofValue": "z0OIl",
        },
    ],
)
def test_a_broken_proof_is_a_sentence_never_an_exception(proof: Any) -> None:
    assert proofs.problem({"n": 1, "proof": proof}, proofs.public_key(SEED))


def test_depth_and_lone_surrogates_are_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for document in ({"deep": deep}, {"text": "\ud800"}):
        with pytest.raises(proofs.ProofError):
            proofs.sign(document, SEED, METHOD, WHEN)


@pytest.mark.parametrize("text", ["", "f00", "z", "z0", "z6Mk", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"])
def test_what_is_not_an_ed25519_key_is_refused(text: str) -> None:
    with pytest.raises(proofs.ProofError):
        proofs.from_multikey(text)


def test_did_key_there_and_back() -> None:
    public = proofs.public_key(SEED)
    assert proofs.from_did_key(proofs.did_key(public)) == public
    for method in (METHOD, proofs.did_key(public) + "x", "did:web:example.org"):
        with pytest.raises(proofs.ProofError):
            proofs.from_did_key(method)
