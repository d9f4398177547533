"""selling: something is for sale, or money is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._links import towards
from safeconduct.criteria._posts import POSTS, counted, matched, places, seen
from safeconduct.model import Basis, Confidence, Finding, Hit, Item, Kind, Link, Pattern
from safeconduct.screening.domains import DomainSet

_WELL_KNOWN = """
patreon.com ko-fi.com buymeacoffee.com liberapay.com gumroad.com etsy.com ebay.com ebay.de ebay.co.uk ebay.fr
onlyfans.com fansly.com fanbox.cc fantia.jp boosty.to subscribestar.com subscribestar.adult paypal.me paypal.com
cash.app venmo.com gofundme.com kickstarter.com indiegogo.com tipeee.com ulule.com opencollective.com
redbubble.com teepublic.com society6.com threadless.com bigcartel.com storenvy.com payhip.com itch.io
booth.pm skeb.jp suzuri.jp minne.com creema.jp vgen.co artistree.io fiverr.com upwork.com depop.com vinted.com
vinted.fr vinted.de poshmark.com mercari.com jp.mercari.com leboncoin.fr kleinanzeigen.de avito.ru allegro.pl
olx.pl olx.ua bandcamp.com throne.com throne.me linktr.ee beacons.ai steady.page steadyhq.com
"""
HOSTS = tuple(_WELL_KNOWN.split())
WORDS = (
    "commissions open", "commissions are open", "comms open", "commission info", "for sale", "dm to buy",
    "dm for price", "dm for prices", "buy now", "shop now", "order now", "promo code", "discount code", "limited offer",
    "support me on", "tip jar", "become a patron", "link in bio", "my shop", "my store", "my etsy", "use my code",
    "zu verkaufen", "jetzt kaufen", "mein shop", "rabattcode", "auftragsarbeiten offen",
    "à vendre", "code promo", "ma boutique", "commissions ouvertes", "achetez maintenant",
    "se vende", "en venta", "código de descuento", "mi tienda", "comisiones abiertas", "compra ahora",
    "vendesi", "in vendita", "codice sconto", "il mio negozio", "commissioni aperte",
    "à venda", "vende-se", "minha loja", "cupom de desconto", "comissões abertas",
    "te koop", "kortingscode", "mijn winkel", "na sprzedaż", "kod rabatowy", "mój sklep", "till salu", "til salgs",
    "til salg", "myytävänä", "satılık", "indirim kodu", "продаётся", "продается", "промокод", "в продаже",
    "мой магазин", "продається", "販売中", "発売中", "通販", "依頼受付中", "有償依頼", "skeb募集中", "接稿", "约稿",
    "出售", "優惠碼", "优惠码", "판매중", "커미션 오픈", "할인코드", "للبيع", "كود خصم", "למכירה", "बिक्री के लिए",
)  # fmt: skip


class Selling:
    """Something is for sale, commissions are open, or money is asked for.

    ``hosts``: shops, patronage and payment services.  ``words``: phrases of sale, in some twenty languages.

    **Why** Many communities have rules about advertising, and an imported archive can bring years of it in a day.

    **Mind** Artists live by this, and collections for people in need look the same.  A phrase alone may tell of a
    sale long past or of a flat that is *not* for sale: phrases are found with low confidence, links with high.
    """

    name: ClassVar[str] = "selling"

    def __init__(self, hosts: Sequence[str] = HOSTS, words: Sequence[str] = WORDS) -> None:
        self._hosts = DomainSet(hosts)
        self._patterns = [Pattern(word, views=("folded",), label="selling") for word in words if word.strip()]

    def patterns(self) -> Sequence[Pattern]:
        return self._patterns

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        said: dict[int, list[Hit]] = {}
        for hit in matched(batch, self):
            said.setdefault(hit.item, []).append(hit)
        shops = towards(batch, self._hosts)
        for index in sorted(said.keys() | shops.keys()):
            item = batch.items[index]
            if index in shops:
                yield from self._linked(item, shops[index])
            elif item.kind in POSTS or item.kind is Kind.PROFILE:
                yield self._said(item, said[index])

    def _linked(self, item: Item, shops: dict[str, list[Link]]) -> Iterable[Finding]:
        for host, links in shops.items():
            reason = f"Links to {host}, where things are sold or money is given"
            yield Finding(item.number, self.name, Confidence.HIGH, Basis.EXACT, reason, places(links), host)

    def _said(self, item: Item, hits: list[Hit]) -> Finding:
        words = sorted({hit.pattern.text for hit in hits})
        reason = f"Says “{words[0]}”" + (f" and {counted(len(words) - 1, 'more phrase')} of sale" if words[1:] else "")
        confidence = Confidence.LOW if len(words) == 1 else Confidence.MEDIUM
        return Finding(item.number, self.name, confidence, Basis.STATISTICAL, reason, seen(hits), "words")
