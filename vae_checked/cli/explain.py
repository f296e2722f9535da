"""`vae-checked explain CODE`, or what somebody sees: one mistake in full, a band of them, or what may be behind it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from vae_checked.cli.options import write
from vae_checked.errors import UsageError

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake


EXAMPLES = (
    "vae-checked explain VAE201               # one mistake in full",
    "vae-checked explain kl-sign VAE302       # by name or by code, several at once",
    "vae-checked explain VAE3                 # all mistakes in a KL",
    'vae-checked explain "loss is nan"        # what may be behind what you see',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `explain` takes."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="WHAT",
        help="a code, a name, the beginning of codes, or what you see: VAE201, kl-sign, VAE2, 'loss is nan'",
    )


def run(args: argparse.Namespace) -> int:
    """Print the page of each mistake named, the list of a band, or what may be behind a symptom."""
    pages = [_named(word) for word in args.words]
    if all(pages):
        write("\n".join(pages))
    elif len(pages) == 1 or not any(pages):
        write(_seen(" ".join(args.words)))
    else:
        _refuse(next(word for word, page in zip(args.words, pages, strict=True) if not page))
    return 0


def _named(word: str) -> str:
    """The page of a mistake, or the list of those whose codes begin so; empty where the word names none."""
    from vae_checked.catalogue import CATALOGUE
    from vae_checked.reports.page import listed

    code = word.strip().upper()
    code = code if code.startswith("VAE") else f"VAE{code}"
    chosen = [each for each in CATALOGUE if code == each.code or word.strip().lower() == each.name]
    if chosen:
        return _page(chosen[0])
    begun = [each for each in CATALOGUE if each.code.startswith(code)] if word.strip() and code[3:4].isdigit() else []
    return f"{listed(begun)}\n\nvae-checked explain {begun[0].code} says more of one.\n" if begun else ""


def _page(mistake: Mistake) -> str:
    from vae_checked.cli.linked_laws import laws_broken_by
    from vae_checked.cli.linted_example import finding_in_example
    from vae_checked.reports.page import text_page

    return text_page(mistake, laws_broken_by(mistake.code), finding_in_example(mistake))


def _seen(words: str) -> str:
    """What may be behind what somebody sees, in their words."""
    from vae_checked.catalogue import CATALOGUE, find
    from vae_checked.catalogue.symptom_search import mistakes_with, search
    from vae_checked.reports.page import listed, symptom_text
    from vae_checked.text import did_you_mean

    if words.strip().upper().removeprefix("VAE").isdecimal():
        find(words)
    names = [name for each in CATALOGUE for name in (each.code, each.name)]
    if " " not in words and did_you_mean(words, names):
        _refuse(words)
    answer = search(words)
    parts = [f"mistakes in these words:\n{listed(list(answer.named))}"] if answer.named else []
    parts += [symptom_text(each, mistakes_with(each)) for each in answer.symptoms]
    if not parts:
        _refuse(words)
    likely = [*answer.named, *(mistake for each in answer.symptoms for mistake in mistakes_with(each))]
    closing = (
        "whether your VAE makes one of them: vae-checked lint PATH\n"
        "                                    vae-checked audit package.module:VAE\n"
        f"more of one: vae-checked explain {likely[0].code}"
    )
    return "\n\n".join([*parts, closing]) + "\n"


def _refuse(words: str) -> NoReturn:
    from vae_checked.catalogue import CATALOGUE
    from vae_checked.text import did_you_mean

    meant = did_you_mean(words, [name for each in CATALOGUE for name in (each.code, each.name)])
    raise UsageError(
        f"no mistake {words!r} in the catalogue{meant}, and no symptom in these words: vae-checked rules lists the "
        f"{len(CATALOGUE)} mistakes there are"
    )
