"""The invented people and places: Alice moves, Bob follows her, Carol moderates, Dave is blocked, Mallory attacks."""

from __future__ import annotations

from safeconduct.model import Json

HOME = "https://old.example"
ALICE = f"{HOME}/users/alice"
FOLLOWERS = f"{ALICE}/followers"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

FRIENDS = tuple(
    (name, f"{name}@{host}", f"https://{host}/users/{name}")
    for name, host in (
        ("bob", "friends.example"),
        ("carol", "new.example"),
        ("noor", "friends.example"),
        ("tomasz", "rails.example"),
        ("ines", "horta.example"),
        ("kofi", "gardens.example"),
        ("yuki", "densha.example"),
        ("minjun", "teotbat.example"),
        ("leila", "bustan.example"),
        ("asha", "bagicha.example"),
        ("pavel", "poezda.example"),
        ("eleni", "psomi.example"),
        ("deniz", "bahce.example"),
        ("juma", "bustani.example"),
        ("margarethe", "brot.example"),
        ("luc", "levain.example"),
    )
)
DAVE = ("dave", "dave@example.net", "https://example.net/users/dave")
MALLORY = ("mallory", "mallory@bad.example", "https://bad.example/users/mallory")

_TERMS: dict[str, Json] = {
    "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
    "toot": "http://joinmastodon.org/ns#",
    "featured": {"@id": "toot:featured", "@type": "@id"},
    "featuredTags": {"@id": "toot:featuredTags", "@type": "@id"},
    "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
    "movedTo": {"@id": "as:movedTo", "@type": "@id"},
    "schema": "http://schema.org#",
    "PropertyValue": "schema:PropertyValue",
    "value": "schema:value",
    "discoverable": "toot:discoverable",
    "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
}

ACTOR: dict[str, Json] = {
    "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1", _TERMS],
    "id": ALICE,
    "type": "Person",
    "following": f"{ALICE}/following",
    "followers": FOLLOWERS,
    "inbox": f"{ALICE}/inbox",
    "outbox": "outbox.json",
    "featured": f"{ALICE}/collections/featured",
    "featuredTags": f"{ALICE}/collections/tags",
    "preferredUsername": "alice",
    "name": "Alice :sprout:",
    "summary": "<p>Gardener, night-train enthusiast, baker of flat bread and flatter jokes. "
    "Writes small free programs. Opinions are seasonal.</p>",
    "url": f"{HOME}/@alice",
    "manuallyApprovesFollowers": False,
    "discoverable": True,
    "published": "2017-04-05T00:00:00Z",
    "publicKey": {
        "id": f"{ALICE}#main-key",
        "owner": ALICE,
        "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nSU5WRU5URUQgQU5EIE5PVCBBIEtFWQ==\n-----END PUBLIC KEY-----\n",
    },
    "tag": [
        {
            "id": f"{HOME}/emojis/7",
            "type": "Emoji",
            "name": ":sprout:",
            "updated": "2019-05-01T10:00:00Z",
            "icon": {"type": "Image", "mediaType": "image/png", "url": f"{HOME}/custom_emojis/sprout.png"},
        }
    ],
    "attachment": [
        {
            "type": "PropertyValue",
            "name": "Garden",
            "value": '<a href="https://gardens.example/alice">gardens.example</a>',
        },
        {"type": "PropertyValue", "name": "Pronouns", "value": "she / her"},
    ],
    "endpoints": {"sharedInbox": f"{HOME}/inbox"},
    "icon": {"type": "Image", "mediaType": "image/jpeg", "url": "avatar.jpg"},
    "image": {"type": "Image", "mediaType": "image/png", "url": "header.png"},
    "likes": "likes.json",
    "bookmarks": "bookmarks.json",
}
