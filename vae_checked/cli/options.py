"""The options that every reporting command has, and what is done with a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vae_checked.errors import UsageError
from vae_checked.text import did_you_mean, printable

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig
    from vae_checked.reports import Report


def add_input_option(parser: argparse.ArgumentParser, letters: str) -> None:
    """--input, of one grammar wherever a model is run; `letters` says what becomes of a size that is a letter."""
    parser.add_argument(
        "--input",
        metavar="SHAPE",
        help=f"shape of the input, batch first, as in 'B 3 64 64' or 'B 3 H W'; {letters}. Several inputs by name, "
        "here with labels from 0 to 9: 'x: B 3 64 64, y: int<10> B'; a dictionary: '{image: B 3 64 64, label: "
        "int<10> B}'",
    )


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """--format, --verbose, --quiet, --output, --select, --ignore and --exit-zero."""
    from vae_checked.reports import FORMATS

    report = parser.add_argument_group("the report")
    report.add_argument("--format", choices=tuple(FORMATS), default="text", help="form of the report (default: text)")
    report.add_argument("--output", metavar="FILE", help="write the report to FILE instead of standard output")
    length = report.add_mutually_exclusive_group()
    length.add_argument(
        "-v", "--verbose", action="store_true", help="also say what was recognised, measured, clean and not decided"
    )
    length.add_argument("-q", "--quiet", action="store_true", help="say the findings alone, one line each")
    report.add_argument("--exit-zero", action="store_true", help="exit with 0 even when there are findings")
    which = parser.add_argument_group("which mistakes")
    which.add_argument(
        "--select", metavar="CODES", action="append", default=[], help="only these, as in VAE201,VAE3 or kl-sign"
    )
    which.add_argument(
        "--ignore", metavar="CODES", action="append", default=[], help="leave these out, written likewise"
    )


def codes(given: Sequence[str], where: str = "") -> frozenset[str]:
    """The catalogue's codes that `--select` or `--ignore` names: codes, beginnings of codes, names, comma-separated.

    Raises UsageError for a word that names no mistake, beginning with `where`.
    """
    if not given:
        return frozenset()
    from vae_checked.catalogue import CATALOGUE

    wanted: set[str] = set()
    for word in (part.strip() for words in given for part in words.split(",")):
        beginning = word.upper() if word.upper().startswith("VAE") else f"VAE{word}"
        named = {each.code for each in CATALOGUE if word and (each.code.startswith(beginning) or each.name == word)}
        if not named:
            meant = did_you_mean(word, [name for each in CATALOGUE for name in (each.code, each.name)])
            raise UsageError(f"{where}{word!r} names no mistake in the catalogue{meant}: vae-checked rules lists them")
        wanted |= named
    return frozenset(wanted)


def write(text: str, output: str | None = None, *, painted: bool = False) -> None:
    """Put `text` on standard output, or into the file `output`, whole or not at all; UsageError when it cannot be.

    Only lines of printable text are written: what a terminal would obey is written out, but for the colours of a
    `painted` text.
    A link stays a link; a pipe or a device, `/dev/null` among them, is written to and not replaced.
    """
    text = _painted(text) if painted else printable(text, keep="\t\n")
    if output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text)
        return
    from pathlib import Path

    target = Path(output).resolve()
    draft = target.with_name(f".{target.name}.part")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8", errors="backslashreplace")
            return
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"the report cannot be written to {output!r}: {error.strerror}") from None


def _painted(text: str) -> str:
    from vae_checked.reports.look import PAINT

    kept = "\t\n"
    paint = [*PAINT.findall(text), ""]
    words = PAINT.split(text)
    return "".join(f"{printable(word, keep=kept)}{colour}" for word, colour in zip(words, paint, strict=True))


def emit(report: Report, args: argparse.Namespace) -> int:
    """Write `report` as the options say; 1 when it holds findings, else 0."""
    from vae_checked.cli.terminal import look_of_output
    from vae_checked.reports import render

    look = look_of_output() if args.format == "text" and args.output is None else None
    text = render(report, args.format, verbose=args.verbose, quiet=args.quiet, look=look)
    write(text, args.output, painted=look is not None and look.colour)
    return int(bool(report.findings) and not args.exit_zero)


def ignored_by(config: ModelConfig) -> frozenset[str]:
    """The codes that a model's table ignores; UsageError for a word that names no mistake."""
    return codes(config.ignore, f"[tool.vae-checked.models.{config.name}]: ignore: ")


def only_codes(report: Any, select: frozenset[str], ignore: frozenset[str]) -> Any:
    """`report`, a dataclass, with what is selected (all but severity `info`, when nothing is) and not ignored."""
    from dataclasses import replace

    from vae_checked.catalogue import CATALOGUE
    from vae_checked.finding import Severity

    wanted = select or {each.code for each in CATALOGUE if each.severity is not Severity.INFO}
    wanted = wanted - ignore
    judgements = tuple(
        replace(
            each,
            findings=tuple(finding for finding in each.findings if finding.code in wanted),
            clean=tuple(code for code in each.clean if code in wanted),
            undecided={code: verdict for code, verdict in each.undecided.items() if code in wanted},
            weighted={code: verdict for code, verdict in each.weighted.items() if code in wanted},
        )
        for each in report.judgements
    )
    findings = tuple(each for each in report.findings if each.code in wanted)
    return replace(report, findings=findings, judgements=judgements)
