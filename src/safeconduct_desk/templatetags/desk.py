"""Words, shapes and charts that every page uses: ``{% load desk %}``.

| tag | what it writes |
|---|---|
| ``{% number 41 "post" "posts" %}`` | "41 posts", grouped as the language groups |
| ``{% minutes 6.4 %}`` | "about 6 minutes" |
| ``{% when date claim=True %}`` | "says 3 March 2019"; without ``claim`` the date is ours |
| ``{% since date %}`` | "2 hours" |
| ``{% who name %}`` | a name of others, kept apart from the text around it |
| ``{% action "quarantine" %}`` | shape and word |
| ``{% bars rows title="…" %}`` | bars with a table behind; ``upright=True`` for time |
| ``{% one_bar rows title="…" %}`` | one bar in parts, with a legend and a table behind |
| ``{% field form.name %}`` | one field of a form with label, hint and error |

Rows are pairs of a label and a number, as a list or a mapping.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_bidi, gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from safeconduct.discover import plugins

register = template.Library()

Rows = Mapping[str, float] | Iterable[tuple[Any, float]]
ACTIONS = {
    "accept": ("●", _("accept")),
    "limit": ("◐", _("limit")),
    "quarantine": ("◌", _("quarantine")),
    "reject": ("✕", _("reject")),
}
KINDS = {
    forms.CheckboxSelectMultiple: "checkboxes",
    forms.RadioSelect: "radios",
    forms.CheckboxInput: "checkbox",
    forms.Textarea: "textarea",
    forms.Select: "select",
    forms.FileInput: "file",
    forms.MultiWidget: "many",
    forms.SelectDateWidget: "many",
}  # the first that fits counts, so narrower classes stand before wider ones
CLASSES = {
    "input": "govuk-input", "textarea": "govuk-textarea", "select": "govuk-select", "file": "govuk-file-upload",
    "checkbox": "govuk-checkboxes__input", "checkboxes": "govuk-checkboxes__input", "radios": "govuk-radios__input",
    "many": "govuk-select",
}  # fmt: skip
PIECES = {"year": _("year"), "month": _("month"), "day": _("day")}
PARTS = 6  # patterns that one_bar can tell apart
LABEL = 40  # characters of a label beside a bar; the table behind has all of them
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # "moc.live" must not be read as "evil.com"
_charts = itertools.count(1)


@register.simple_tag
def number(count: float, one: str = "", many: str = "") -> str:
    """A number with its word."""
    written = number_format(count, use_l10n=True, force_grouping=True)
    return f"{written} {ngettext(one, many, int(count))}" if one else written


@register.simple_tag
def minutes(count: float) -> str:
    """How long something takes, in words nobody takes for a promise."""
    if count < 1:
        return gettext("under a minute")
    if count >= 100:
        hours = round(count / 60)
        return ngettext("about %(n)s hour", "about %(n)s hours", hours) % {"n": number(hours)}
    return ngettext("about %(n)s minute", "about %(n)s minutes", round(count)) % {"n": round(count)}


@register.simple_tag
def when(value: object, claim: bool = False) -> SafeString | str:
    """A date; with ``claim``, one that the archive says and nobody has checked."""
    moment = _moment(value)
    if moment is None:
        return gettext("no date given")
    shown = date_format(moment, "j F Y")
    if not claim and isinstance(moment, datetime) and moment.date() == timezone.localdate():
        shown = gettext("today %(time)s") % {"time": date_format(moment, "H:i")}
    marked = format_html('<time datetime="{}">{}</time>', moment.isoformat(), shown)
    return format_html(pgettext("the archive says a date", "says {}"), marked) if claim else marked


@register.simple_tag
def since(value: object) -> SafeString | str:
    """How long ago, in the largest unit that fits."""
    moment = _moment(value)
    if not isinstance(moment, datetime):
        return ""
    passed = max(0, int((timezone.now() - moment).total_seconds()))
    if passed < 60:
        said = gettext("just now")
    elif passed < 3600:
        said = ngettext("%(n)s minute", "%(n)s minutes", passed // 60) % {"n": passed // 60}
    elif passed < 2 * 86400:
        said = ngettext("%(n)s hour", "%(n)s hours", passed // 3600) % {"n": passed // 3600}
    else:
        said = ngettext("%(n)s day", "%(n)s days", passed // 86400) % {"n": passed // 86400}
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), said)


def _moment(value: object) -> datetime | date | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return timezone.localtime(value) if timezone.is_aware(value) else timezone.make_aware(value)
    return value if isinstance(value, date) else None


@register.simple_tag
def who(name: object) -> SafeString:
    """A name, address or file name of others: text, kept apart from the direction of the words around it."""
    return format_html("<bdi>{}</bdi>", plain(name))


@register.filter
@lru_cache(maxsize=256)
def named(criterion: str) -> str:
    """What a criterion looks for, in the words its own file begins with: "nearly the same text as an earlier item"."""
    plugin = plugins("criteria").get(criterion)
    said = (sys.modules[plugin.__module__].__doc__ or "") if plugin is not None else ""
    words = said.split("\n")[0].partition(": ")[2].rstrip(".")
    return words or criterion.replace("-", " ")


@register.filter
def plain(text: object) -> str:
    """Text of others in which nothing turns the reading direction round: one sees that something was there."""
    return TURNING.sub("\N{REPLACEMENT CHARACTER}", str(text))


@register.simple_tag
def action(name: object) -> SafeString:
    """An action as a shape and a word, never as a colour alone."""
    key = str(name).lower()
    shape, word = ACTIONS.get(key, ("○", key or _("open")))
    drawn = format_html('<span class="desk-action__shape" aria-hidden="true">{}</span>', shape)
    return format_html('<span class="desk-action desk-action--{}">{} {}</span>', key or "open", drawn, word)


@register.inclusion_tag("desk/_bars.html")
def bars(rows: Rows, title: str = "", label: str = "", unit: str = "", upright: bool = False) -> dict[str, Any]:
    """Bars: one below the other, or upright where the rows are points in time.

    ``title`` is the sentence above, ``label`` and ``unit`` head the table's columns.
    """
    pairs = _pairs(rows)
    most = max((value for _, value in pairs), default=0) or 1
    share = [(name, value, value / most) for name, value in pairs]
    return {
        "id": f"chart-{next(_charts)}", "title": title, "label": label or _("What"), "unit": unit or _("How many"),
        "pairs": pairs, "upright": upright, "rtl": get_language_bidi(),
        "shapes": _upright(share) if upright else _lying(share), "height": 120 if upright else 44 * len(pairs),
        "width": 10 * max(1, len(pairs)), "most": most,
        "from": pairs[0][0] if pairs else "", "to": pairs[-1][0] if pairs else "",
    }  # fmt: skip


def _lying(rows: list[tuple[str, float, float]]) -> list[dict[str, Any]]:
    """Each bar takes the whole width it may have, with its label above: so it fits a telephone."""
    rtl = get_language_bidi()
    return [
        {
            "label": name if len(name) <= LABEL else name[: LABEL - 1] + "…", "value": value,
            "words": 44 * place + 15, "y": 44 * place + 22,
            "x": f"{100 * (1 - part):.2f}%" if rtl else "0", "width": f"{100 * part:.2f}%",
            "start": "100%" if rtl else "0", "end": "0" if rtl else "100%",
        }
        for place, (name, value, part) in enumerate(rows)
    ]  # fmt: skip


def _upright(rows: list[tuple[str, float, float]]) -> list[dict[str, Any]]:
    """Time runs as the language is read; what is more than nothing can be seen."""
    order = rows[::-1] if get_language_bidi() else rows
    heights = [max(1.5, 100 * part) if value else 0 for _, value, part in order]
    return [{"x": 10 * place + 1, "width": 8, "height": round(height, 2)} for place, height in enumerate(heights)]


@register.inclusion_tag("desk/_one_bar.html")
def one_bar(rows: Rows, title: str = "", label: str = "", unit: str = "") -> dict[str, Any]:
    """One bar in parts; more than six parts end in "other".  Parts differ by pattern and order, not by colour."""
    pairs = _pairs(rows)
    shown = sorted(pairs, key=lambda pair: -pair[1])
    if len(shown) > PARTS:
        shown = [*shown[: PARTS - 1], (gettext("other"), sum(value for _, value in shown[PARTS - 1 :]))]
    return {
        "id": f"chart-{next(_charts)}", "title": title, "label": label or _("What"), "unit": unit or _("How many"),
        "pairs": pairs, "parts": _parts(shown), "used": len(shown), "rtl": get_language_bidi(),
    }  # fmt: skip


def _parts(shown: list[tuple[str, float]]) -> list[dict[str, Any]]:
    whole = sum(value for _, value in shown) or 1
    parts, done = [], 0.0
    for place, (name, value) in enumerate(shown):
        share = 100 * value / whole
        x = 100 - done - share if get_language_bidi() else done
        parts.append({"label": name, "value": value, "x": f"{x:.3f}%", "width": f"{share:.3f}%", "n": place,
                      "percent": _percent(share)})  # fmt: skip
        done += share
    return parts


def _percent(share: float) -> str:
    """Nothing is nothing; what is there, however little, is more."""
    if 0 < share < 0.1:
        return "< 0.1"
    places = 1 if 0 < share < 1 else 0
    return str(number_format(round(share, places), decimal_pos=places))  # it would cut what it is not given rounded


def _pairs(rows: Rows) -> list[tuple[str, float]]:
    given = rows.items() if isinstance(rows, Mapping) else rows or ()
    return [(plain(label), value) for label, value in given]


@register.inclusion_tag("desk/_field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """One field of a form: label, hint, error, and the widget, tied together for those who do not see them."""
    kind = next((kind for widget, kind in KINDS.items() if isinstance(bound.field.widget, widget)), "input")
    return {
        "bound": bound, "kind": kind, "widget": "" if kind in {"radios", "checkboxes"} else _widget(bound, kind),
        "choices": _choices(bound, kind), "grouped": kind in {"radios", "checkboxes", "many"},
        "described": bound.aria_describedby,
        "optional": not bound.field.required and kind not in {"checkbox", "checkboxes"},
    }  # fmt: skip


def _widget(bound: BoundField, kind: str) -> SafeString:
    widget = bound.field.widget
    if kind == "many":
        return _many(bound)
    classes = [str(widget.attrs.get("class", "")), CLASSES[kind]]
    if bound.errors and kind in {"input", "textarea", "select"}:
        classes.append(f"{CLASSES[kind]}--error")
    if kind == "input" and getattr(widget, "input_type", "") in {"number", "date", "time"}:
        classes.append("govuk-input--width-10")
    return bound.as_widget(attrs={"class": " ".join(filter(None, classes))})


def _many(bound: BoundField) -> SafeString:
    """A widget of several inputs, each with a name of its own for those who do not see their order."""
    widget = bound.field.widget
    attributes = bound.build_widget_attrs({"class": CLASSES["many"], "id": bound.auto_id}, widget)
    context = widget.get_context(bound.html_name, bound.value(), attributes)
    for part in context["widget"]["subwidgets"]:
        named = part["name"].rpartition("_")[2]
        part["attrs"]["aria-label"] = f"{bound.label}: {PIECES.get(named) or part.get('type') or named}"
    return mark_safe(bound.form.renderer.render(widget.template_name, context))  # noqa: S308 - a template's output


def _choices(bound: BoundField, kind: str) -> list[tuple[SafeString, str, str]]:
    """Each choice as its input, its id and its label."""
    if kind not in {"radios", "checkboxes"}:
        return []
    made = []
    for one in bound.subwidgets:
        attributes = {name: said for name, said in one.data["attrs"].items() if name != "aria-describedby"}
        one.data["attrs"] = {**attributes, "class": CLASSES[kind]}
        made.append((one.tag(), str(one.id_for_label), str(one.choice_label)))
    return made


@register.simple_tag
def first_of(bound: BoundField) -> str:
    """The id that a link to this field leads to."""
    first = bound.field.widget.id_for_label(bound.auto_id) or f"{bound.auto_id}_0"
    return (
        f"{bound.auto_id}_0"
        if isinstance(bound.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)
        else first
    )


@register.filter
def around(page: Page[Any]) -> Iterable[int | str]:
    """The numbers of pages to offer: the first, the last, those around this one."""
    return page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)


@register.filter
def hidden_fields(form: forms.BaseForm) -> SafeString:
    """The fields of a form that nobody sees."""
    return mark_safe("".join(str(one) for one in form.hidden_fields()))  # noqa: S308 - Django's own widgets, escaped there
