"""The few items that a community should look at: each criterion and each preset finds something, all of it harmless.

The listed phrase is an invented one, telephone numbers are from the ranges reserved for fiction, the bank number is
the one that banks print in examples, and every host but two link shorteners cannot exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from safeconduct.model import Json
from safeconduct.sample._people import ALICE, FOLLOWERS, FRIENDS, MALLORY, PUBLIC
from safeconduct.sample._posts import Author, hashtag, link, mention

Make = Callable[[float], dict[str, Json]]
Camera = Callable[..., Json]

PHRASE = "BUY MOONROCKS NOW"
_GONE = f"{ALICE}/statuses/98000000000000001"  # an own post that is not in the archive
_DISGUISES = (
    "My neighbour's new van says BUY MOONROCKS NOW in gold letters. I did not.",
    "buy moonrocks now, said nobody who ever grew a turnip",
    "B\u0443\u0443 M\u041e\u041eNR\u041eCKS N\u041eW",  # Cyrillic letters that look Latin
    "BUY MO\u200bON\u200bRO\u200bCKS N\u200bOW",  # zero-width spaces
    "BUY M00NR0CK5 N0W",
    "B U Y   M O O N R O C K S   N O W",
    "B\u00adUY MOON\u00adROCKS NO\u00adW",  # soft hyphens
    "\U0001d401\U0001d414\U0001d418 \U0001d40c\U0001d40e\U0001d40e\U0001d40d\U0001d411\U0001d40e\U0001d402\U0001d40a"
    "\U0001d412 \U0001d40d\U0001d40e\U0001d416",  # mathematical bold
    "BUY MOON</span><span>ROCKS NOW",
    "BUY &#77;OONROCKS NOW",
    "BUUUY MOOOONROCKS NOOOW",
)


def specials(author: Author, camera: Camera) -> Iterator[list[Make]]:
    """What to post, in groups whose members follow each other within seconds."""
    yield from (
        [make]
        for part in (_phrases(author, camera), _links(author), _private(author), _dates(author), _others(author))
        for make in part
    )
    yield from ([make] for make in _shapes(author, camera))
    yield [_said(author, f"<p>Carriage {at} of 12, greetings from the very long train!</p>") for at in range(1, 13)]
    same = "<p>Seed swap on Saturday, bring envelopes and a pencil. Everybody is welcome.</p>"
    yield from ([_said(author, same)] for _ in range(3))
    yield from ([_said(author, same.replace("a pencil", more))] for more in ("two pencils", "a green pencil"))


def _said(author: Author, content: str, **parts: Json) -> Make:
    return lambda at: author.post(at, content, **parts)


def _phrases(author: Author, camera: Camera) -> Iterator[Make]:
    for words in _DISGUISES:
        yield _said(author, f"<p><span>{words}</span></p>")
    yield _said(author, "<p>Read the warning first.</p>", warning=PHRASE)
    yield lambda at: author.post(at, "<p>From the market</p>", attachments=[camera("jpg", alt=f"A sign: {PHRASE}")])
    options = [{"type": "Note", "name": name, "replies": {"totalItems": 2}} for name in (PHRASE, "Rather not")]
    yield _said(author, "<p>What should the shop write?</p>", more={"type": "Question", "oneOf": options})


def _links(author: Author) -> Iterator[Make]:
    for address in (
        "https://bad.example/offers",
        "https://deals.bad.example/?from=alice",
        "https://bit.ly/invented-for-safeconduct",
        "https://tinyurl.com/invented-for-safeconduct",
    ):
        yield _said(author, f"<p>Somebody sent me this, has anyone looked at it? {link(address)}</p>")
    hosts = (f"https://market{at}.example/stall" for at in range(9))
    yield _said(author, f"<p>All the markets of the region: {' '.join(map(link, hosts))}</p>")
    crowd = FRIENDS[:10]
    yield _said(author, f"<p>{' '.join(map(mention, crowd))} good morning to you all</p>", people=crowd)
    yield _said(author, f"<p>{mention(MALLORY)} please stop writing to me</p>", people=[MALLORY])
    words = [
        "bread",
        "baking",
        "rye",
        "crust",
        "crumb",
        "flour",
        "oven",
        "sunday",
        "yeast",
        "kitchen",
        "garden",
        "seeds",
    ]
    yield _said(author, f"<p>Everything at once {' '.join(map(hashtag, words))}</p>", tags=words)


def _private(author: Author) -> Iterator[Make]:
    for words in (
        "New number: +1 202-555-0143, or +44 7700 900123 when I am at my sister's.",
        "Write to alice@old.example if the form is broken again.",
        "The bench is exactly here: 51.4779, -0.0015.",
        "The parcel goes to Alice Invented, 12 Nowhere Street, Oldtown.",
        "For the association's membership fee: GB33 BUKB 2020 1555 5555 55.",
        "For sale: one bread tin, hardly used, 10 EUR, postage included. DM me.",
        "You can support the seed library at https://patron.example/alice, every month counts.",
    ):
        yield _said(author, f"<p>{words}</p>")
    bob = FRIENDS[0]
    for words in ("the key is under the pot with the dead basil", "happy birthday, do not tell the others yet"):
        yield _said(author, f"<p>{mention(bob)} {words}</p>", to=[bob[2]], cc=[], people=[bob])
    yield _said(author, "<p>For followers only: I am moving house in spring.</p>", to=[FOLLOWERS], cc=[])
    yield _said(author, "<p>Unlisted: notes to myself about the compost.</p>", to=[FOLLOWERS], cc=[PUBLIC])


def _dates(author: Author) -> Iterator[Make]:
    yield _said(author, "<p>Greetings from the year of flying trains.</p>", published="2099-01-01T12:00:00Z")
    yield _said(author, "<p>Written on the thirtieth of February.</p>", published="2023-02-30T10:00:00Z")
    yield _said(author, "<p>Written before there were computers.</p>", published="0801-05-04T10:00:00Z")
    yield _said(author, "<p>Edited twice, still wrong.</p>", more={"updated": "2024-03-01T08:00:00Z"})


def _others(author: Author) -> Iterator[Make]:
    theirs = f"{MALLORY[2]}/statuses/110000000000000001"
    yield _said(author, "<p>This was never written by Alice.</p>", more={"id": theirs, "attributedTo": MALLORY[2]})
    words = "<p>Look at this</p><blockquote>Words that Bob wrote last year, quoted in full.</blockquote>"
    quote = f"{FRIENDS[0][2]}/statuses/110000000000000002"
    yield _said(author, words, more={"quote": quote, "quoteUri": quote, "_misskey_quote": quote})
    yield _said(author, "<p>The rest of this thread was deleted.</p>", answers=_GONE)
    own = {"type": "Note", "attributedTo": ALICE, "to": [FOLLOWERS], "cc": [], "content": "<p>Old and private.</p>"}
    yield lambda at: author.boost(at, own | {"id": f"{ALICE}/statuses/98765432101234567"})
    bob = {"type": "Note", "attributedTo": FRIENDS[0][2], "to": [PUBLIC], "content": "<p>Bob's own words.</p>"}
    yield lambda at: author.boost(at, bob | {"id": quote})


def _shapes(author: Author, camera: Camera) -> Iterator[Make]:
    def show(words: str, *files: Json) -> Make:
        return lambda at: author.post(at, f"<p>{words}</p>", attachments=[file() for file in files])

    yield show("The view from platform 4.", lambda: camera("jpg", place=True))
    yield show("No words for this one.", lambda: camera("jpg", alt=None))
    yield show("Made by a machine, for comparison.", lambda: camera("jpg", generated=True))
    yield show("A plan of the beds, a moving bee and the sound of the kettle.", *_mixed(camera))
    yield show("A film, made by a telephone that knows where it is.", lambda: camera("mp4", place=True))
    yield show("This picture was lost by the old server.", lambda: camera("jpg", state="missing"))
    yield show("This one is empty.", lambda: camera("jpg", state="empty"))
    preview = {"type": "Link", "href": "https://levain.example/notes/flat-bread-is-still-bread", "name": "Flat bread"}
    yield show("With a link preview, which is not a picture.", lambda: preview)
    script = "<script>document.title='Mallory was here'</script><img src=x onerror=\"document.title='Mallory'\">"
    yield _said(author, f"<p>Hello {script}</p>")
    yield _said(author, "<p>Right to left: \u202eegassem neddih a\u202c and back.</p>")


def _mixed(camera: Camera) -> tuple[Json, ...]:
    return tuple(lambda ending=ending: camera(ending) for ending in ("png", "gif", "wav"))
