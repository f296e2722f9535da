"""What a run of the linter says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.record import dataclass
from vae_checked.text import CORE_CHECKED, counted

if TYPE_CHECKING:
    # A run that finds no VAE code does without the catalogue.
    from vae_checked.catalogue import Judgement
    from vae_checked.catalogue.coverage import Examined
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding, Remark
    from vae_checked.session import Printer


TOO_LARGE = "too large to be evaluated whole: what comes late in it was not examined"


@dataclass(frozen=True, slots=True)
class LintReport:
    """Findings in order of place; per VAE the facts and what was examined; what was not read or not decided.

    `files` are all that were given, `files_concerned` counts those that concern a VAE, `files_using` those that only
    encode or decode with one. `unread` and `left_out` hold (path, reason) of what could not be read and of what is left
    out on purpose, folders with a `/` behind them. `remarks` tell of comments that switch nothing off and baseline
    entries that nothing matches, `known` counts the findings that a baseline holds, `statistics` holds (code, name, how
    often) where they were asked for. `beside` counts the other files of the projects that were evaluated for what they
    say of these, `whole` is whether nothing else can; `elsewhere` names the findings of the same VAEs that stand in
    these others.
    """

    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[Facts, ...]
    recognised: tuple[str, ...]
    unobserved: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    files_concerned: int
    files_using: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    known: int = 0
    statistics: tuple[tuple[str, str, int], ...] | None = None
    beside: int = 0
    elsewhere: tuple[str, ...] = ()
    whole: bool = True

    @property
    def of_source(self) -> bool:
        """Source was read, nothing was run."""
        return True

    @property
    def files_read(self) -> int:
        """The number of files given."""
        return len(self.files)

    @property
    def subjects(self) -> int:
        """The number of VAEs seen."""
        return len(self.vaes)

    @property
    def vaes(self) -> list[Examined]:
        """How far each VAE was examined."""
        if not self.facts:
            return []
        from vae_checked.catalogue.coverage import examined  # noqa: PLC0415  as above

        return [each for each in examined(self.facts, self.judgements) if each.is_vae]

    @property
    def summary(self) -> str:
        """One line: how far the VAEs were examined, what concerned none, what was found and what could not be read."""
        using, without = self.files_using, self.files_read - self.files_concerned - self.files_using
        parts = [
            f"{counted(self.files_read, 'file')} read, {self.files_concerned} with VAE code"
            + (f", {using} that use{'s' if using == 1 else ''} a VAE" if using else "")
            + (f", {without} without" if without else ""),
            *self._beside(),
            self._examined(),
            *self._followed(),
            counted(len(self.findings), "finding") + (f", {self.known} more in the baseline" if self.known else ""),
        ]
        if self.elsewhere:
            parts.append(f"the same VAEs in other files: {', '.join(self.elsewhere)}")
        if self.unread:
            parts.append(f"{len(self.unread)} could not be read")
        if self.left_out:
            folders = sum(path.endswith("/") for path, _ in self.left_out)
            numbers = ((len(self.left_out) - folders, "file"), (folders, "folder"))
            what = " and ".join(counted(number, noun) for number, noun in numbers if number)
            parts.append(f"{what} left out: {', '.join(dict.fromkeys(reason for _, reason in self.left_out))}")
        for kind in dict.fromkeys(remark.kind for remark in self.remarks):
            number = sum(remark.kind is kind for remark in self.remarks)
            parts.append(f"1 {kind}" if number == 1 else f"{number} {kind.plural}")
        return "; ".join(parts)

    def _repr_html_(self) -> str:
        from vae_checked.reports.html import fragment  # noqa: PLC0415  only a notebook needs it

        return fragment(self)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(str(self).rstrip("\n"))

    def __repr__(self) -> str:
        return f"<LintReport: {self.summary}>"

    def __str__(self) -> str:
        from vae_checked.reports import render  # noqa: PLC0415  only a report that is printed needs it

        return render(self)

    def _beside(self) -> list[str]:
        """`5 more of the project evaluated with them`, and whether these are all that it has."""
        if not self.beside:
            return []
        parts = (
            "" if self.whole else ": those that import them, and what these import; the project is too large to be read"
        )
        return [f"{self.beside} more of the project evaluated with {'it' if self.files_read == 1 else 'them'}{parts}"]

    def _followed(self) -> list[str]:
        """`latents followed in 2 places`; nothing where no VAE is used that was trained elsewhere."""
        subjects = {
            facts.subject for facts in self.facts if any(path.startswith("latents.") for path, _ in facts.known())
        }
        return [f"latents followed in {counted(len(subjects), 'place')}"] if subjects else []

    def _examined(self) -> str:
        """`3 VAEs examined: 1 with findings; sampler, KL and loss checked in 2`."""
        vaes = self.vaes
        if not vaes:
            return "0 VAEs examined" + (", no sampler and no KL recognised" if self.files_concerned else "")
        told = {(finding.code, finding.place) for finding in self.findings}
        with_findings = [each for each in vaes if told & {(item.code, item.place) for item in each.findings}]
        whole = sum(each.core_checked for each in vaes)
        parts = [f"{len(with_findings)} with findings"] if with_findings else []
        parts.append(f"{CORE_CHECKED} in {whole}")
        return f"{counted(len(vaes), 'VAE')} examined: {'; '.join(parts)}"
