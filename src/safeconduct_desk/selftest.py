"""Does the whole machine work here?  Three harmless things that only this test's lists know go all the way through.

As with the EICAR file of virus scanners: the marker text, the marker link and the marker picture mean nothing, and no
real policy knows them.  What reads, decides, delivers, traces and takes back is what does it every day.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from safeconduct.destinations.container import check
from safeconduct.errors import SafeconductError
from safeconduct.flow import open_source
from safeconduct.model import Item, Kind
from safeconduct.policy import parse_policy
from safeconduct.steps.trace import Query, trace
from safeconduct.steps.verify import verify
from safeconduct_desk import groups, intake, jobs, published
from safeconduct_desk.custody import home
from safeconduct_desk.models import Arrival, Community, Member, PolicyVersion, Role, Tombstone
from safeconduct_desk.store import files

TEXT = "SAFECONDUCT-SELFTEST-MARKER-7B1E-NOTHING-IS-WRONG-WITH-THIS"
HOST = "selftest-marker.safeconduct.invalid"
AUTHOR = "https://selftest.safeconduct.invalid/users/marker"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
SQUARE = "A grey square."
HARMLESS = ("The kettle is on.", "It rained on the beans.", "Good night, everybody.")
FOUND = {"marker-text": 1, "marker-link": 1, "marker-picture": 2}  # the picture's post, and its file


class Wrong(SafeconductError):
    """The machine did something else than it should; the message says what."""


def picture() -> bytes:
    """A PNG of 8 by 8 grey pixels, with a remark that makes it this test's own."""
    rows = b"".join(b"\0" + b"\x80" * 8 for _ in range(8))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)), (b"tEXt", b"Comment\0" + TEXT.encode()),
        (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""),
    )  # fmt: skip
    made = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def policy() -> str:
    """Lists that know the three markers, and a rule for each: a person looks first."""
    digest = hashlib.sha256(picture()).hexdigest()
    rules = (
        ("marker-text", "phrase", "words", TEXT), ("marker-link", "listed-domain", "hosts", HOST),
        ("marker-picture", "known-media", "hashes", digest),
    )  # fmt: skip
    text = 'name = "selftest"\ntitle = "Self-test"\ndescription = "Knows three harmless markers."\n'
    for name, when, list_name, value in rules:
        text += f'\n[[rule]]\nid = "{name}"\nwhen = "{when}"\nwith = {{ {list_name} = ["{value}"] }}\nbreaker = 1.0\n'
        text += 'then = "quarantine"\nbecause = "This is a marker of the self-test."\n'
    return text


def archive(path: Path) -> None:
    """A Mastodon archive with three markers between three harmless posts."""
    said = [
        (HARMLESS[0], []), (TEXT, []), (f'See <a href="https://{HOST}/page">https://{HOST}/page</a>', []),
        (HARMLESS[1], []), (SQUARE, [_attached()]), (HARMLESS[2], []),
    ]  # fmt: skip
    items = [_create(number, text, more) for number, (text, more) in enumerate(said, 1)]
    actor = {"@context": "https://www.w3.org/ns/activitystreams", "id": AUTHOR, "type": "Person",
             "preferredUsername": "marker", "name": "Marker", "followers": f"{AUTHOR}/followers"}  # fmt: skip
    outbox = {"type": "OrderedCollection", "totalItems": len(items), "orderedItems": items}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("actor.json", json.dumps(actor))
        file.writestr("outbox.json", json.dumps(outbox))
        file.writestr("media_attachments/files/marker.png", picture())


def _attached() -> dict[str, str]:
    return {"type": "Document", "mediaType": "image/png", "url": "/media_attachments/files/marker.png",
            "name": SQUARE}  # fmt: skip


def post(number: int) -> str:
    """The old address of a post of the archive."""
    return f"{AUTHOR}/statuses/{number}"


def _create(number: int, text: str, attached: list[dict[str, str]]) -> dict[str, object]:
    at = f"2024-05-{number:02}T10:00:00Z"
    note = {"id": post(number), "type": "Note", "attributedTo": AUTHOR, "published": at, "to": [PUBLIC], "cc": [],
            "content": f"<p>{text}</p>", "attachment": attached}  # fmt: skip
    return {"id": f"{post(number)}/activity", "type": "Create", "actor": AUTHOR, "published": at, "to": [PUBLIC],
            "object": note}  # fmt: skip


# --- the way through --------------------------------------------------------------------------------------------------


def steps() -> Iterator[str]:
    """Do it, in the desk that is set up here and must be empty; a sentence after each step.  ``Wrong`` if one fails."""
    if Community.is_set_up() or not settings.WORK_AT_ONCE:
        raise Wrong("The self-test needs an empty desk of its own.")
    place = Path(settings.FOLDER) / "delivered.tar"
    arrival, tester = _offered(place)
    yield "Offered: an archive of six posts was taken in, byte for byte."
    for do in (_screened, _decided, _delivered, _traced, _undone):
        yield do(arrival, tester, place)
        arrival.refresh_from_db()


def _offered(place: Path) -> tuple[Arrival, Member]:
    Community.objects.create(pk=1, name="Self-test", destination=f"container:{place}")
    text = policy()
    PolicyVersion.objects.create(
        name="selftest", text=text, digest=parse_policy(text, "selftest").digest, state=PolicyVersion.State.LIVE
    )
    tester = Member.objects.create(user=User.objects.create_user("selftest"), role=Role.OPERATOR)
    community = Community.objects.get()
    agreed = published.consent(community, {one.key: "2024-06-01T00:00:00Z" for one in published.sections(community)})
    arrival = intake.offered(tester.user, "selftest.zip", 0, agreed, {})
    came = files().path(arrival, "came")
    archive(came)
    intake.whole(arrival, came, "selftest.zip", hashlib.sha256(came.read_bytes()).hexdigest())
    arrival.refresh_from_db()
    return arrival, tester


def _screened(arrival: Arrival, tester: Member, place: Path) -> str:
    if arrival.state == Arrival.State.RECEIVED:  # the line moved no further: it is read now
        jobs.start("screen", arrival)
        arrival.refresh_from_db()
    _must(arrival.state == Arrival.State.WAITING, f"The archive was not read: {arrival.problem or arrival.state}.")
    found = {group.rule: group.count for group in arrival.groups.all()}
    _must(found == FOUND, f"Not exactly the three markers were found, but: {found}.")
    _must(not place.exists(), "Something left the desk before anybody said yes.")
    return "Read: the text, the link and the picture were found and held; three harmless posts were not."


def _decided(arrival: Arrival, tester: Member, place: Path) -> str:
    for rule in ("marker-text", "marker-link"):
        groups.decide(arrival.groups.get(rule=rule), tester, "accept")
    groups.decided(arrival, tester)
    arrival.refresh_from_db()
    _must(arrival.state == Arrival.State.APPLIED, f"It was not delivered: {arrival.problem or arrival.state}.")
    return "Decided: the text and the link were accepted, the picture stays held."


def _delivered(arrival: Arrival, tester: Member, place: Path) -> str:
    there = _there(place)
    _must(there == sorted((*HARMLESS, TEXT, HOST)), f"Other posts are there than were accepted: {there}.")
    wrong = list(check(place))
    _must(not wrong, f"The container is not whole: {wrong}.")
    return "Delivered: five posts are in the container, and its digests and signature are right."


def _there(place: Path) -> list[str]:
    """What each post that is there says, as far as this test wrote it."""
    if not place.exists():
        return []
    posts = [one for one in open_source(str(place)).read() if isinstance(one, Item) and one.kind == Kind.POST]
    known = (*HARMLESS, TEXT, HOST, SQUARE)
    return sorted(next((words for words in known if words.encode() in one.raw), one.origin) for one in posts)


def _traced(arrival: Arrival, tester: Member, place: Path) -> str:
    with home() as opened:
        found = list(trace(opened, Query(thing=post(2))))
        held = list(trace(opened, Query(thing=post(5))))
    _must([one.state for one in found] == ["delivered"], "The text is not found by its old address.")
    _must([one.fate for one in held] == ["held"], "The picture that was held is not found as held.")
    return "Traced: a delivered post was found by its old address, and so was the one that is held."


def _undone(arrival: Arrival, tester: Member, place: Path) -> str:
    jobs.start("undo", arrival)
    arrival.refresh_from_db()
    _must(arrival.state == Arrival.State.UNDONE, f"It was not taken back: {arrival.problem or arrival.state}.")
    _must(not _there(place), "Something is still there after it was taken back.")
    _must(Tombstone.objects.filter(arrival=arrival).exists(), "The same posts could come in again.")
    with home() as opened:
        report = verify(opened)
    _must(not report["wrong"] and bool(report["checked"]), f"The journal does not hold: {report['wrong']}.")
    return "Taken back: nothing is left there, the same posts cannot return, and the journal is whole."


def _must(right: bool, wrong: str) -> None:
    if not right:
        raise Wrong(wrong)


Say = Callable[[str], object]


def run(say: Say) -> bool:
    """All steps, each said as it is done; False, with a sentence, at the first that goes wrong."""
    try:
        for sentence in steps():
            say(f"● {sentence}")
    except (SafeconductError, OSError) as error:
        say(f"✕ {error}")
        return False
    return True
