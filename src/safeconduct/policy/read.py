"""A policy is a TOML file that reads as sentences; everything in it is checked when it is read.

A mistake ends in ``PolicyError`` with the file, the line and what to write instead: a rule that silently does
nothing is worse than no rule.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from safeconduct.discover import plugins
from safeconduct.errors import PolicyError
from safeconduct.model import Action, Basis, Confidence, Filter, Json, Kind, Visibility
from safeconduct.policy.decide import Policy
from safeconduct.policy.examples import check_examples
from safeconduct.policy.questions import Questions
from safeconduct.policy.rules import Breaker, Rule, State, Unknown, Where
from safeconduct.policy.table import Page, Table, nearest

TEXT_LIMIT = 1 << 20  # bytes of one policy file
LIST_LIMIT = 32 << 20  # bytes of one list file: a million hosts

_TOP = ("name", "title", "description", "version", "base", "without", "breaker", "lists", "rule")
_RULE = (
    *("id", "when", "with", "at_least", "where", "then", "filters", "because"),
    *("state", "unknown", "breaker", "matches", "spares"),
)
_WHERE = ("kind", "visibility", "older_than_days", "newer_than_days", "share_of_import_over", "whole")
_ACTIONS = {action.name.lower(): action for action in Action}
_CONFIDENCES = {confidence.name.lower(): confidence for confidence in Confidence}
_VISIBILITIES = {visibility.name.lower(): visibility for visibility in Visibility}
_KINDS, _FILTERS = {str(one): one for one in Kind}, {str(one): one for one in Filter}
_STATES, _UNKNOWNS = {str(one): one for one in State}, {str(one): one for one in Unknown}


def preset_files() -> Mapping[str, Path]:
    """The policies that come with Safeconduct, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "presets").glob("*.toml"))}


def read_policy(name_or_path: str | Path, criteria: Mapping[str, type] | None = None) -> Policy:
    """A preset by its name, or a policy file.  Raises ``PolicyError`` if it is missing or wrong anywhere."""
    path = _find(name_or_path)
    return parse_policy(_load(path, path, TEXT_LIMIT), str(path), path.parent, criteria)


def parse_policy(
    text: str, file: str = "policy", folder: Path | None = None, criteria: Mapping[str, type] | None = None
) -> Policy:
    """The policy in ``text``; ``folder`` is where its list files lie, ``None`` if it may not name any (one fetched
    from another server).  ``criteria`` are those it may ask, by name; all that are installed by default."""
    sheet = _Sheet(file, text, folder)
    lists = sheet.lists()
    questions = Questions(plugins("criteria") if criteria is None else criteria, lists)
    rules = sheet.rules(questions)
    used = {rule.question for rule in rules.values()}
    top = sheet.top
    return Policy(
        top.text("name") or Path(file).stem,
        tuple(rules.values()),
        tuple(asked for key, asked in questions.asked.items() if key in used),
        title=top.text("title"),
        description=top.text("description"),
        version=str(top.raw.get("version", "")),
        digest=_digest(rules.values()),
        lists=lists,
    )


class _Sheet:
    """One file on the way to becoming rules; a base is another sheet, read with our lists in place of its own."""

    def __init__(self, file: str, text: str, folder: Path | None, above: tuple[str, ...] = ()) -> None:
        self.page, self.folder, self.above = Page(file, text), folder, (*above, file)
        self.top = Table(_toml(self.page, text), self.page)
        self.top.only(*_TOP)
        self.base = self._base()

    def lists(self) -> dict[str, Sequence[str]]:
        inherited = self.base.lists() if self.base else {}
        table = self.top.table("lists")
        return inherited | {name: self._list(table, name) for name in table.raw}

    def rules(self, questions: Questions, examples: bool = True) -> dict[str, Rule]:
        """By id.  A rule of the base gives way to ours of the same id; the base's examples are its own affair."""
        rules = self.base.rules(questions, examples=False) if self.base else {}
        self._leave_out(rules)
        own: dict[str, Rule] = {}
        for table in self._tables():
            rule = _rule(table, questions, self._breaker(table))
            if rule.id in own:
                table.wrong(f"Two rules are called “{rule.id}”.", "id", f'id = "{rule.id}-2"')
            if examples:
                check_examples(table, rule, questions.asked[rule.question])
            own[rule.id] = rule
        return rules | own

    def _base(self) -> _Sheet | None:
        name = self.top.text("base")
        if not name:
            return None
        if name not in preset_files():
            close = nearest(name, preset_files()) or "balanced"
            self.top.wrong(f"“{name}” is not a preset that could be extended.", "base", f'base = "{close}"')
        path = preset_files()[name]
        if str(path) in self.above:
            self.top.wrong("A policy cannot be its own base.", "base", "another preset, or no base")
        return _Sheet(str(path), path.read_text("utf-8"), path.parent, self.above)

    def _leave_out(self, rules: dict[str, Rule]) -> None:
        for name in self.top.names("without"):
            if name not in rules:
                close = nearest(name, rules) or ", ".join(rules) or "no “without” where there is no base"
                self.top.wrong(f"The base has no rule “{name}”.", "without", close)
            del rules[name]

    def _tables(self) -> list[Table]:
        raw = self.top.raw.get("rule", [])
        if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
            self.top.wrong("“rule” is a list of tables.", "rule", "[[rule]] with two brackets, once for each rule")
        return [Table(one, self.page, n) for n, one in enumerate(raw)]

    def _breaker(self, rule: Table) -> Breaker:
        """A rule's own breaker, in terms of the policy's, in terms of the base's."""
        usual = self.base._breaker(Table({}, self.page)) if self.base else Breaker()
        for table in (self.top, rule):
            usual = _breaker(table, usual)
        return usual

    def _list(self, lists: Table, name: str) -> Sequence[str]:
        value = lists.raw[name]
        if isinstance(value, dict):
            table = lists.table(name)
            table.only("file")
            return self._listed(table)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            lists.wrong(f"“{name}” is not a list of texts.", name, f'{name} = ["…", "…"], or {{ file = "{name}.txt" }}')
        return value

    def _listed(self, table: Table) -> Sequence[str]:
        """One entry a line; ``#`` begins a comment line.  The file must lie in the policy's folder: a policy may
        come from somebody else, and must not be able to read the rest of the machine."""
        name = table.text("file")
        if self.folder is None:
            table.wrong("This policy was not read from a folder, so it cannot name files.", "file", "the list itself")
        folder = self.folder.resolve()
        path = (folder / name).resolve()
        if not name or not path.is_relative_to(folder):
            table.wrong(f"“{name}” is not in the policy's folder.", "file", 'file = "list.txt", beside the policy')
        try:
            text = _load(path, name, LIST_LIMIT)
        except PolicyError as problem:
            table.wrong(str(problem), "file", "the name of a text file beside the policy")
        return [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]


def _find(name_or_path: str | Path) -> Path:
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or name.endswith(".toml") or "/" in name:
        return Path(name_or_path)
    if name not in preset_files():
        close = nearest(name, preset_files())
        raise PolicyError(f"There is no preset “{name}”.", instead=close or f"{', '.join(preset_files())}, or a path")
    return preset_files()[name]


def _load(path: Path, name: str | Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as problem:
        raise PolicyError(f"“{name}” cannot be read: {problem.strerror}.") from problem
    if len(data) > limit:
        raise PolicyError(f"“{name}” is larger than {limit >> 20} MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise PolicyError(f"“{name}” is not a UTF-8 text file.") from problem


def _toml(page: Page, text: str) -> Mapping[str, Json]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        at = re.search(r"at line (\d+)", str(problem))
        line = int(at.group(1)) if at else len(page.lines)
        raise PolicyError(f"This is not TOML: {problem}.", page.file, line) from problem


def _rule(table: Table, questions: Questions, breaker: Breaker) -> Rule:
    table.only(*_RULE)
    key, given = questions.ask(table)
    rule = Rule(
        id=table.text("id"),
        when=table.text("when"),
        question=key,
        then=_then(table),
        because=table.text("because").strip(),
        at_least=table.choice("at_least", _CONFIDENCES, Confidence.LOW),
        where=_where(table.table("where")),
        filters=table.choices("filters", _FILTERS),
        state=table.choice("state", _STATES, State.LIVE),
        unknown=table.choice("unknown", _UNKNOWNS, Unknown.PASS),
        breaker=breaker,
        given=given,
    )
    _sound(table, rule, questions.bases(rule.when))
    return rule if rule.id else msgspec.structs.replace(rule, id=_derived(table, rule))


def _then(table: Table) -> Action:
    if "then" not in table:
        table.wrong("This rule does not say what then.", instead='then = "quarantine"')
    return table.choice("then", _ACTIONS, Action.ACCEPT)


def _where(table: Table) -> Where:
    if "share_of_import_under" in table:
        table.wrong(
            "A rule that stops when there is more of it could be switched off by a flood.",
            "share_of_import_under",
            "breaker = 0.1, which turns the rule into a question beyond that share",
        )
    table.only(*_WHERE)
    where = Where(
        kind=table.choices("kind", _KINDS),
        visibility=_visibility(table),
        older_than_days=table.number("older_than_days"),
        newer_than_days=table.number("newer_than_days"),
        share_of_import_over=table.number("share_of_import_over", 0, 1),
        whole=table.flag("whole"),
    )
    if where.whole and len(table.raw) > 1:
        table.wrong("A whole import has no kind, visibility, age or share.", "whole", "where = { whole = true } alone")
    if None not in (where.older_than_days, where.newer_than_days) and (
        (where.older_than_days or 0) >= (where.newer_than_days or 0)
    ):
        table.wrong(
            "No post is that old and that new at once.", "older_than_days", "older_than_days below newer_than_days"
        )
    return where


def _visibility(table: Table) -> frozenset[Visibility]:
    """Mastodon's own words are understood well enough to say what ours are."""
    for theirs, ours in (("direct", "named"), ("private", "followers")):
        if theirs in table.names("visibility"):
            table.wrong(f"“{theirs}” is called “{ours}” here.", "visibility", f'visibility = "{ours}"')
    return table.choices("visibility", _VISIBILITIES)


def _breaker(table: Table, usual: Breaker) -> Breaker:
    """``breaker = 0.1`` is the share alone."""
    if not isinstance(table.raw.get("breaker", {}), dict):
        return Breaker(table.number("breaker", 0, 1) or 0.0, usual.items)
    inner = table.table("breaker")
    inner.only("share", "items")
    share, items = inner.number("share", 0, 1), inner.number("items")
    return Breaker(usual.share if share is None else share, usual.items if items is None else int(items))


def _sound(table: Table, rule: Rule, bases: frozenset[Basis]) -> None:
    """What no single key shows to be wrong."""
    if rule.then is Action.LIMIT and not rule.filters:
        table.wrong("A limit without filters limits nothing.", "then", 'filters = ["content-warning"]')
    if rule.then is Action.LIMIT and rule.where.whole:
        table.wrong(
            "A whole import cannot be limited, only held for a person.",
            "then",
            'then = "quarantine", or a limit without “whole”',
        )
    if rule.then is not Action.LIMIT and rule.filters:
        table.wrong("Only a limit has filters.", "filters", 'then = "limit", or no filters')
    if rule.then > Action.ACCEPT and not rule.because:
        table.wrong(
            "The person moving must be told why.", "then", 'because = "…", one sentence to the person whose post it is'
        )
    if rule.then is Action.REJECT:
        _rejects(table, rule, bases)


def _rejects(table: Table, rule: Rule, bases: frozenset[Basis]) -> None:
    if Basis.EXACT not in bases:
        found = ", ".join(sorted(bases)) or "not known to be exact"
        table.wrong(f"Only exact findings may reject, and {rule.when} is {found}.", "then", 'then = "quarantine"')
    if rule.where.whole:
        table.wrong("Only a person refuses a whole import.", "then", 'then = "quarantine"')


def _derived(table: Table, rule: Rule) -> str:
    """An id for a rule without one: what it asks and does, so that it survives its neighbours' changes."""
    name = f"{rule.when}-{rule.then.name.lower()}"
    conditions = {key: table.raw[key] for key in ("with", "where", "at_least") if key in table}
    if not conditions:
        return name
    return f"{name}-{sha256(msgspec.json.encode(conditions, order='sorted')).hexdigest()[:6]}"


def _digest(rules: Iterable[Rule]) -> str:
    """The same for the same rules in any order, under any name; comments and examples change nothing."""
    content = sorted(msgspec.json.encode(rule, order="sorted") for rule in rules)
    return sha256(b"\n".join(content)).hexdigest()
