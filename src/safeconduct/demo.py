"""The main job, from end to end, on an invented archive or on your own: what ``make demo`` runs.

Builds the sample, inspects it, copies it into a static site and a container, and says where to look.  Everything lies
in one folder; nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from safeconduct.cli import safeconduct as program
from safeconduct.sample import build

STEPS = (
    ("What is in the archive, and what a careful community would say to it",
     ["inspect", "{archive}", "--policy", "careful", "-o", "{out}/inspect.html"]),
    ("The dry run: every item's fate on a site of your own, before anything is written",
     ["plan", "{archive}", "--to", "site:{out}/site", "--policy", "balanced",
      "-o", "{out}/plan.jsonl", "--page", "{out}/plan.html"]),
    ("The copy: exactly that plan", ["copy", "--plan", "{out}/plan.jsonl"]),
    ("The same archive as a signed container that other tools can read",
     ["copy", "{archive}", "container:{out}/alice.tar", "--policy", "balanced"]),
    ("Check the container", ["verify", "{out}/alice.tar"]),
    ("What waits for a person", ["queue"]),
)  # fmt: skip


def main() -> None:
    """Run every step; say which one failed if one does."""
    options = _options()
    out = Path(options.out).resolve()
    if out.exists():
        _clear(out)
    out.mkdir(parents=True)
    archive = Path(options.archive).resolve() if options.archive else out / "alice-archive.zip"
    if not options.archive:
        build(archive)
        _say(f"An invented archive of Alice, who moves: {archive}")
    for title, words in STEPS:
        _say(title)
        _run([word.format(archive=archive, out=out) for word in words], out / "home")
    _say("Where to look")
    for what, where in (("the report", "inspect.html"), ("the plan", "plan.html"), ("the site", "site/index.html"),
                        ("the container", "alice.tar")):  # fmt: skip
        sys.stdout.write(f"  {what:14} {out / where}\n")
    sys.stdout.write(
        f"\nOf your own:     make demo ARCHIVE=path\nTake it back:    safeconduct undo ID --home {out}/home\n"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--out", default="demo-out")
    parser.add_argument("--archive", default="")
    return parser.parse_args()


def _clear(out: Path) -> None:
    """Only a folder that an earlier demo made is removed."""
    if not (out / "home" / "safeconduct.db").exists() and any(out.iterdir()):
        sys.exit(f"{out} is there already and no demo made it. Choose another with OUT=path.")
    shutil.rmtree(out)


def _run(words: list[str], home: Path) -> None:
    sys.stdout.write(f"$ safeconduct {' '.join(words)}\n\n")
    sys.stdout.flush()
    code = program.main([*words, "--home", str(home)], standalone_mode=False)
    if isinstance(code, int) and code > 1:
        sys.exit(f"safeconduct {words[0]} ended with {code}; please report this with what is printed above.")
    sys.stdout.write("\n")


def _say(title: str) -> None:
    sys.stdout.write(f"\n━━ {title}\n\n")


if __name__ == "__main__":
    main()
