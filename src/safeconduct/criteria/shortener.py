"""shortener: a link that hides where it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from safeconduct.contracts import Batch
from safeconduct.criteria._links import towards
from safeconduct.criteria._posts import places
from safeconduct.model import Basis, Confidence, Finding
from safeconduct.screening.domains import DomainSet

_WELL_KNOWN = """
bit.ly bitly.com j.mp amzn.to buff.ly t.co tinyurl.com tiny.cc tiny.one ow.ly is.gd v.gd goo.gl g.co fb.me fb.watch
lnkd.in dlvr.it ift.tt trib.al rebrand.ly short.io shorturl.at shorturl.asia rb.gy cutt.ly bl.ink t.ly s.id
adf.ly bc.vc ouo.io ouo.press shorte.st sh.st linkvertise.com link-to.net exe.io clk.sh clck.ru vk.cc u.to
qps.ru x.co po.st soo.gd su.pr mcaf.ee snip.ly snipurl.com qr.ae qr.net zpr.io lc.chat t1p.de kutt.it
tr.im cli.gs ur1.ca 2.gp b.link bitly.ws dub.sh hubs.ly hubs.la spoti.fi apple.co wp.me
nyti.ms wapo.st bbc.in reut.rs econ.st cnn.it tcrn.ch pst.cr urlz.fr vu.fr lstu.fr huit.re frama.link
u.nu t.cn url.cn dwz.cn suo.im reurl.cc lihi.cc lihi1.com pse.is ppt.cc 0rz.tw han.gl me2.do bre.is
surl.li bitly.lc shrtco.de chilp.it gg.gg n9.cl acortar.link encr.pw l8.nu da.gd 9qr.de
"""
HOSTS = tuple(_WELL_KNOWN.split())


class Shortener:
    """A link through a service that hides where it goes.

    ``hosts``: the services; a list of well-known ones unless said otherwise.

    **Why** A short link passes every list of bad hosts, because its target is on none of them, and its target can
    be changed years later.  Nothing is fetched to find out where it goes: that would tell the service who is
    moving.

    **Mind** Most short links are innocent: years ago they saved letters, and newspapers and shops have their own.
    Many old ones are dead or lead to whoever bought the name since.
    """

    name: ClassVar[str] = "shortener"

    def __init__(self, hosts: Sequence[str] = HOSTS) -> None:
        self._hosts = DomainSet(hosts)

    def inspect(self, batch: Batch) -> Iterable[Finding]:
        for index, found in towards(batch, self._hosts).items():
            number = batch.items[index].number
            for host, links in found.items():
                reason = f"A short link of {host}: where it goes cannot be seen"
                yield Finding(number, self.name, Confidence.HIGH, Basis.EXACT, reason, places(links), host)
