"""Mallory's archive in a real browser: nothing of it runs, nothing is asked of anybody, and it can still be read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from safeconduct.contracts import Terms
from safeconduct.destinations.site import Site
from safeconduct.model import Action, Choices, Decision, Item, Receipt, Shaped
from safeconduct.reports.page import render_inspection, render_plan
from safeconduct.sources.mastodon_archive import MastodonArchive
from tests.browser.conftest import Canary, address, log

pytestmark = pytest.mark.browser

MALLORY = "https://evil.example/users/mallory"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def attacks(home: str) -> list[str]:
    """Ways to run or to load something; ``home`` is where the canary sits."""
    return [
        "<script>ran='script'</script>",
        f"<script src={home}/script.js></script>",
        f"<img src={home}/image.png onerror=\"ran='img'\">",
        "<img src=x onerror=ran='onerror'>",
        "</script><script>ran='closed'</script>",
        "\"><svg onload=ran='svg'>",
        "' onmouseover='ran=1' autofocus onfocus='ran=2' x='",
        "<a href=\"javascript:ran='link'\">press me</a>",
        "<a href=\"data:text/html,<script>opener.ran='data'</script>\">press me</a>",
        f"<iframe src={home}/frame></iframe><object data={home}/object></object><embed src={home}/embed>",
        f"<style>@import '{home}/style.css'; body{{background:url({home}/background.png)}}</style>",
        f'<p style="background:url({home}/inline.png)">styled</p>',
        f"<link rel=stylesheet href={home}/link.css><meta http-equiv=refresh content='0;url={home}/refresh'>",
        f"<base href={home}/><form action={home}/form><button autofocus>go</button></form>",
        f"<video src={home}/video.mp4 autoplay onerror=ran='video'></video><audio src={home}/a.mp3 autoplay></audio>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=ran='mxss'&gt;\">",
        "<noscript><p title=\"</noscript><img src=x onerror=ran='noscript'>\"></noscript>",
        "<template><img src=x onerror=ran='template'></template><details open ontoggle=ran='toggle'>",
        "\u2028ran='separator'\u2029*/ran='comment'//",
        "{{constructor.constructor('ran=1')()}} ${ran=1} <%= ran %> {% raw %}",
        "__proto__ constructor toString \u202egnp.exe \x00 \ufffe",
        f"<svg><image href={home}/svg.png /><use href={home}/use.svg#x /><a xlink:href='javascript:ran=3'>x</a></svg>",
        f"<img srcset='{home}/srcset.png 1x' loading=eager><picture><source srcset={home}/source.png></picture>",
        f"<a href='{home}/ping' ping={home}/pinged>ping</a><link rel=dns-prefetch href={home}>",
    ]


def png(colour: str = "red") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(data, "PNG")
    return data.getvalue()


def mallory(path: Path, home: str) -> None:
    """An archive with every attack in every place that a server would let text through."""
    evil = attacks(home)
    drawn = f"<svg xmlns='http://www.w3.org/2000/svg'><script>top.ran=1</script><image href='{home}/s.png'/></svg>"
    name = "x\"'><img src=x onerror=ran=9>.png"
    files = {
        f"media_attachments/files/1/{name}": png(),
        "media_attachments/files/1/drawn.svg": drawn.encode(),
        "media_attachments/files/1/page.html": b"<!doctype html><script>top.ran='html'</script>",
        "media_attachments/files/1/liar.png": b"<!doctype html><script>top.ran='liar'</script>",
    }
    outbox = [_create(number, text, home, list(files)) for number, text in enumerate(evil)]
    actor = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": MALLORY,
        "type": "Person",
        "preferredUsername": "mallory",
        "name": evil[0] + evil[5],
        "summary": "".join(evil),
        "url": "javascript:ran='url'",
        "followers": f"{MALLORY}/followers",
        "attachment": [{"type": "PropertyValue", "name": text, "value": text} for text in evil],
        "icon": {
            "type": "Image",
            "mediaType": "image/png",
            "url": f"media_attachments/files/1/{name}",
            "name": evil[3],
        },
        "image": {"type": "Image", "mediaType": "image/svg+xml", "url": "media_attachments/files/1/drawn.svg"},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("actor.json", json.dumps(actor))
        archive.writestr(
            "outbox.json", json.dumps({"type": "OrderedCollection", "totalItems": len(outbox), "orderedItems": outbox})
        )
        for member, data in files.items():
            archive.writestr(member, data)


def _create(number: int, text: str, home: str, files: list[str]) -> dict[str, Any]:
    kinds = ("image/png", "image/svg+xml", "text/html", "image/png")
    note: dict[str, Any] = {
        "id": f"{MALLORY}/statuses/{number}\"'><script>ran='id'</script>",
        "type": "Note",
        "attributedTo": MALLORY,
        "published": f"2019-03-{number % 28 + 1:02}T10:00:00Z",
        "to": [PUBLIC],
        "cc": [],
        "url": "javascript:ran='url'",
        "content": f"<p>plainword{number} {text}</p>",
        "contentMap": {"en\"><script>ran='lang'</script>": f"<p>plainword{number} {text}</p>"},
        "summary": text if number % 2 else None,
        "sensitive": number % 3 == 0,
        "inReplyTo": "javascript:ran='reply'" if number % 4 == 0 else None,
        "tag": [
            {"type": "Hashtag", "name": text, "href": f"{home}/tag"},
            {"type": "Emoji", "name": text, "icon": {"url": f"{home}/emoji.png"}},
        ],
        "attachment": [
            {"type": "Document", "mediaType": kind, "url": f"/{file}", "name": text}
            for file, kind in zip(files, kinds, strict=True)
        ],
    }
    if number % 5 == 0:
        note |= {
            "type": "Question",
            "oneOf": [{"type": "Note", "name": text, "replies": {"totalItems": 1}}],
            "votersCount": 1,
        }
    return {
        "id": f"{note['id']}/activity",
        "type": "Create",
        "actor": MALLORY,
        "published": note["published"],
        "to": [PUBLIC],
        "object": note,
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, canary: Canary) -> Path:
    folder = tmp_path_factory.mktemp("mallory")
    mallory(folder / "mallory.zip", canary.address)
    source = MastodonArchive(folder / "mallory.zip")
    site = Site(
        str(folder / "site"), Terms(Choices(linked=True, boosts="link"), actor=MALLORY, acct="mallory@evil.example")
    )
    abilities = site.probe()
    receipts: dict[str, Receipt] = {}
    for item in source.read():
        assert isinstance(item, Item), item
        shaped = site.shape(item, Decision(Action.ACCEPT), abilities)
        if isinstance(shaped, Shaped):
            receipts[shaped.id] = site.deliver(shaped, source, receipts.get(shaped.parent))
    site.finish()
    assert len(receipts) > len(attacks(""))
    return folder / "site"


@pytest.fixture(autouse=True)
def nobody_was_asked(browser: webdriver.Chrome, canary: Canary) -> Iterator[None]:
    canary.asked.clear()
    log(browser, "performance")
    yield
    assert canary.asked == []
    allowed = ("file:", "data:,", "about:blank", "chrome:", "chrome-untrusted:", "devtools:")
    loaded = [
        message["params"]["request"]["url"]
        for entry in log(browser, "performance")
        if (message := json.loads(entry["message"])["message"])["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in loaded if not url.startswith(allowed)] == []


def quiet(browser: webdriver.Chrome) -> None:
    """Nothing ran, and nothing even had to be refused."""
    assert browser.execute_script("return window.ran") == ""
    assert browser.execute_script("return window.refused") == []
    noise = [entry["message"] for entry in log(browser, "browser") if entry["level"] == "SEVERE"]
    assert noise == []


def open_everything(browser: webdriver.Chrome) -> None:
    browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true;")
    browser.execute_script("for (const part of document.querySelectorAll('img')) part.loading = 'eager';")
    WebDriverWait(browser, 20).until(
        lambda page: page.execute_script("return [...document.images].every((picture) => picture.complete)")
    )


def test_no_page_of_the_site_runs_or_loads_anything(browser: webdriver.Chrome, built: Path) -> None:
    pages = sorted(path for path in built.glob("*.html"))
    assert len(pages) >= 3
    for path in pages:
        browser.get(address(path))
        open_everything(browser)
        quiet(browser)
        assert (
            browser.find_elements(By.CSS_SELECTOR, "iframe, object, embed, svg, style, base, [style], [onerror]") == []
        )
        assert browser.execute_script("return [...document.images].every((picture) => picture.naturalWidth > 0)")


def test_moving_the_pointer_and_the_focus_over_everything_wakes_nothing(browser: webdriver.Chrome, built: Path) -> None:
    browser.get(address(built / "2019-03.html"))
    open_everything(browser)
    browser.execute_script(
        "for (const part of document.querySelectorAll('body *')) {"
        "  for (const name of ['mouseover', 'focus', 'toggle', 'error', 'load', 'animationstart'])"
        "    part.dispatchEvent(new Event(name, {bubbles: true}));"
        "  if (part.focus) part.focus();"
        "}"
    )
    quiet(browser)


def test_every_link_leads_to_the_web_or_to_another_page(browser: webdriver.Chrome, built: Path) -> None:
    for path in built.glob("*.html"):
        browser.get(address(path))
        links = browser.execute_script(
            "return [...document.links].map((one) => [one.protocol, one.rel, one.hasAttribute('ping')])"
        )
        assert {protocol for protocol, _, _ in links} <= {"file:", "http:", "https:"}
        assert all("noopener" in rel and "noreferrer" in rel for protocol, rel, _ in links if protocol != "file:")
        assert not any(ping for _, _, ping in links)


def test_a_hostile_search_runs_nothing_and_finds_what_is_there(
    browser: webdriver.Chrome, built: Path, canary: Canary
) -> None:
    for query in [*attacks(canary.address), "%", "%E0%A4%A", "#q=", "..\\..\\", "a" * 5000]:
        browser.get("about:blank")
        browser.get(address(built / "search.html", f"#q={query}"))
        box = browser.find_element(By.ID, "words")
        browser.execute_script("arguments[0].value = arguments[1]; arguments[0].form.requestSubmit()", box, query)
        quiet(browser)
    assert searched(browser, built, "plainword7") == 1
    # Mallory's words are shown as words, and lead nowhere but to the post.
    assert searched(browser, built, "plainword") == len(attacks(""))
    assert browser.find_elements(By.CSS_SELECTOR, "#results :not(li, a, p)") == []
    quiet(browser)
    assert searched(browser, built, "__proto__ constructor") == 1


def searched(browser: webdriver.Chrome, built: Path, words: str) -> int:
    browser.get("about:blank")
    browser.get(address(built / "search.html"))
    box = browser.find_element(By.ID, "words")
    browser.execute_script("arguments[0].value = arguments[1]; arguments[0].form.requestSubmit()", box, words)
    said = WebDriverWait(browser, 20).until(lambda page: page.find_element(By.ID, "said").text)
    return int(said.split()[0].replace("No", "0"))


def test_the_reports_run_and_load_nothing(browser: webdriver.Chrome, canary: Canary, tmp_path: Path) -> None:
    evil = attacks(canary.address)
    example = {"item": 1, "origin": evil[0], "reason": evil[1], "text": "".join(evil)}
    inspection = {
        "source": {"acct": evil[2], "format": evil[3], "sha256": evil[4]},
        "items": 3,
        "kinds": {evil[5]: 3},
        "decisions": {"accept": 1, "quarantine": 2},
        "notes": evil,
        "unknown": evil,
        "questions": evil,
        "unreadable": 1,
        "visibility": {evil[6]: 3},
        "unreadables": [{"origin": text, "reason": text} for text in evil],
        "findings": [{"criterion": text, "count": 1, "confidence": text, "examples": [example]} for text in evil],
        "groups": [
            {"finding": text, "value": text, "because": text, "count": 2, "representative": example} for text in evil
        ],
        "whole": [{"criterion": text, "reason": text} for text in evil],
        "policy": [{"name": evil[0], "digest": evil[1]}],
    }
    plan = {
        "items": 3,
        "totals": {"arrives": 3},
        "destination": {"software": evil[0], "notes": evil},
        "questions": evil,
        "reasons": [{"fate": "held", "reason": text, "kinds": {text: 1}, "examples": [text]} for text in evil],
        "fates": {text: {"arrives": 1} for text in evil},
    }
    for name, page in (("inspection", render_inspection(inspection)), ("plan", render_plan(plan))):
        path = tmp_path / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        browser.get(address(path))
        open_everything(browser)
        quiet(browser)
        assert browser.find_elements(By.CSS_SELECTOR, "script, img, a, iframe, form, link, [style], [onerror]") == []
        assert browser.execute_script("return getComputedStyle(document.body).maxWidth") != "none", (
            "its style is applied"
        )


@pytest.mark.parametrize(
    ("attack", "seen"), [("<script>ran='script'</script>", "script"), ("<img src=x onerror=alert('img')>", "alert:img")]
)
def test_the_watch_sees_what_runs(browser: webdriver.Chrome, tmp_path: Path, attack: str, seen: str) -> None:
    """The same attacks on a page without our care are seen: the tests above can fail."""
    (tmp_path / "careless.html").write_text(f"<!doctype html><body>{attack}", encoding="utf-8")
    browser.get(address(tmp_path / "careless.html"))
    WebDriverWait(browser, 10).until(lambda page: seen in page.execute_script("return window.ran"))
    log(browser, "browser")


def test_the_watch_sees_what_is_refused_and_what_is_asked(
    browser: webdriver.Chrome, canary: Canary, tmp_path: Path
) -> None:
    strict = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    (tmp_path / "refused.html").write_text(f"<!doctype html>{strict}<script>ran='x'</script>", encoding="utf-8")
    browser.get(address(tmp_path / "refused.html"))
    assert browser.execute_script("return window.refused") != []
    (tmp_path / "asking.html").write_text(f"<!doctype html><img src={canary.address}/heard>", encoding="utf-8")
    browser.get(address(tmp_path / "asking.html"))
    WebDriverWait(browser, 10).until(lambda page: "/heard" in canary.asked)
    canary.asked.clear()
    log(browser, "performance")
    log(browser, "browser")
