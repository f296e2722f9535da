"""What weighs a KL, as both observers see it: its own formula, what stands behind that, and how often it is added."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from both_observers import plain
from both_observers.observing import Seen

from vae_checked.catalogue import Judgement
from vae_checked.finding import Finding

SUM = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
TWICE = "-torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
HALF = SUM.removeprefix("-")
ROWS = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)"
OF_ROWS = 'F.binary_cross_entropy(x_hat, x, reduction="none").sum(1)'
QUARTER = "kl = -0.25 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())  # here"
AGAIN = "add it once, with a weight that has a name where it is to count for more"


@dataclass(frozen=True)
class Scene:
    """The lines of a loss behind its error, and what VAE303 says: nothing, a weight, or the line marked."""

    lines: str
    fix: str = ""
    before: str = ""
    weighted: bool = False
    error: str = 'F.binary_cross_entropy(x_hat, x, reduction="sum")'

    @property
    def text(self) -> str:
        body = [f"recon = {self.error}", *self.lines.format(SUM=SUM, TWICE=TWICE, ROWS=ROWS).splitlines()]
        loss = "".join(f"    {line}\n" for line in body)
        return f"{plain.MODEL}{self.before.format(SUM=SUM, TWICE=TWICE)}{plain.LOSS}{loss}"


ADDED = {
    "in a second sum": Scene("kl = {SUM}\nloss = recon + kl\nreturn loss + kl  # here", AGAIN),
    "in one sum": Scene("kl = {SUM}\nreturn recon + kl + kl  # here", AGAIN),
    "to itself": Scene("kl = {SUM}\nkl = kl + kl  # here\nreturn recon + kl", AGAIN),
    "in a loop": Scene("kl = {SUM}\nfor _ in range(3):\n    recon = recon + kl  # here\nreturn recon", AGAIN),
    "in a sum of a list": Scene("kl = {SUM}\nreturn sum([recon, kl, kl])  # here", AGAIN),
    "in a stack": Scene("kl = {SUM}\nreturn torch.stack([recon, kl, kl]).sum()  # here", AGAIN),
    "computed once more": Scene("kl = {SUM}\nloss = recon + kl\nagain = {SUM}\nreturn loss + again  # here", AGAIN),
    "in a mean of a stack": Scene("kl = {SUM}\nreturn torch.stack([recon, kl, kl]).mean()  # here", AGAIN),
    "in place": Scene("kl = {SUM}\nloss = recon + kl\nloss += kl  # here\nreturn loss", AGAIN),
    "in rows of a stack": Scene(
        "kl = {ROWS}\nreturn torch.stack([recon, kl, kl]).sum(0).mean()  # here", AGAIN, error=OF_ROWS
    ),
}
RIGHT = {
    "alone": Scene("kl = {SUM}\nreturn recon + kl"),
    "a half that comes later": Scene("kl = {TWICE}\nreturn recon + 0.5 * kl"),
    "halved and doubled": Scene("kl = {SUM}\nkl = 0.5 * kl\nkl = 2 * kl\nreturn recon + kl"),
    "half of the whole": Scene("kl = {SUM}\nreturn 0.5 * (recon + kl)"),
    "twice the whole": Scene("kl = {SUM}\nloss = recon + kl\nreturn 2 * loss"),
    "a tenth of the whole": Scene("kl = {SUM}\nreturn 0.1 * (recon + kl)"),
    "the whole over ten": Scene("kl = {SUM}\nreturn (recon + kl) / 10"),
    "with its error as often": Scene("kl = {SUM}\nloss = recon + kl\nreturn loss + recon + kl"),
    "the mean of both": Scene("kl = {SUM}\nreturn torch.stack([recon, kl]).mean()"),
    "the sum of a stack": Scene("kl = {SUM}\nreturn torch.stack([recon, kl]).sum()"),
    "rows of a stack, summed": Scene("kl = {ROWS}\nreturn torch.stack([recon, kl]).sum(0).mean()", error=OF_ROWS),
    "columns, summed": Scene("kl = {ROWS}\nreturn torch.stack([recon, kl], 1).sum(1).mean()", error=OF_ROWS),
    "columns, averaged first": Scene("kl = {ROWS}\nreturn torch.stack([recon, kl], 1).mean(0).sum()", error=OF_ROWS),
    "rows of a stack, averaged": Scene("kl = {ROWS}\nreturn torch.stack([recon, kl]).mean(0).mean()", error=OF_ROWS),
    "rows taken out of a stack": Scene(
        "kl = {ROWS}\nboth = torch.stack([recon, kl])\nreturn both[0].mean() + both[1].mean()", error=OF_ROWS
    ),
    "rows in a line": Scene("kl = {ROWS}\nreturn torch.cat([recon, kl]).mean()", error=OF_ROWS),
    "shown beside": Scene("kl = {SUM}\nreturn recon + kl + kl.detach()"),
}
WEIGHTED = {
    "twice": Scene("kl = {SUM}\nreturn recon + 2 * kl", weighted=True),
    "half": Scene("kl = {SUM}\nreturn recon + 0.5 * kl", weighted=True),
    "over two": Scene("kl = {SUM}\nreturn recon + kl / 2", weighted=True),
    "by a new name": Scene("kl = {SUM}\nkl = 2 * kl\nreturn recon + kl", weighted=True),
    "in place": Scene("kl = {SUM}\nkl *= 0.5\nreturn recon + kl", weighted=True),
    "by a method": Scene("kl = {SUM}\nkl.mul_(2)\nreturn recon + kl", weighted=True),
    "by alpha": Scene("kl = {SUM}\nreturn torch.add(recon, kl, alpha=2)", weighted=True),
    "of a mean over the batch": Scene(
        "kl = {SUM} / x.size(0)\nreturn recon + 2 * kl",
        weighted=True,
        error='F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)',
    ),
    "of a function": Scene(
        "return recon + 2 * kl_of(mu, logvar)",
        before="def kl_of(mu, logvar):\n    return {SUM}\n\n\n",
        weighted=True,
    ),
    "of a distribution": Scene(
        "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
        "p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))\n"
        "kl = torch.distributions.kl_divergence(q, p).sum()\n"
        "return recon + 2 * kl",
        weighted=True,
    ),
    "in rows of a stack": Scene(
        "kl = {ROWS}\nreturn torch.stack([recon, 2 * kl]).sum(0).mean()", weighted=True, error=OF_ROWS
    ),
    "a local name": Scene("kl = {SUM}\nbeta = 2\nreturn recon + beta * kl", weighted=True),
    "a name in a formula with a square": Scene(
        "beta = 2\nkl = -0.5 * beta * torch.sum(1 + logvar - mu**2 - logvar.exp())\nreturn recon + kl", weighted=True
    ),
    "a name in a formula of an axis": Scene(
        "beta = 2\nkl = beta * -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=-1)\n"
        "return (recon + kl).mean()",
        weighted=True,
        error=OF_ROWS,
    ),
    "a name in a formula that a method sums": Scene(
        "beta = 2\nkl = -0.5 * beta * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)\nreturn (recon + kl).mean()",
        weighted=True,
        error=OF_ROWS,
    ),
    "a name behind a lost half": Scene("kl = {TWICE}\nbeta = 4\nreturn recon + beta * kl", weighted=True),
    "a name beside a lost half": Scene(
        "beta = 4\nkl = -beta * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\nreturn recon + kl", weighted=True
    ),
    "a number behind a lost half": Scene("kl = {TWICE}\nreturn recon + 4 * kl", weighted=True),
    "a tenth": Scene("kl = {SUM}\nreturn recon + 0.1 * kl", weighted=True),
    "a quarter of twice": Scene("kl = {TWICE}\nreturn recon + 0.25 * kl", weighted=True),
    "beside twice the error": Scene("kl = {SUM}\nreturn 2 * recon + kl", weighted=True),
    "beside half the error": Scene("kl = {SUM}\nreturn 0.5 * recon + kl", weighted=True),
}
OFF = {
    "a lost half": Scene("kl = {TWICE}  # here\nreturn recon + kl", f"kl = {SUM}"),
    "a lost half behind a weight of one": Scene(
        "kl = {TWICE}  # here\nbeta = 1\nreturn recon + beta * kl", f"kl = {SUM}"
    ),
    "a lost half beside counts": Scene(
        "kl = {TWICE}  # here\nreturn recon + kl",
        f"kl = {SUM}",
        error='F.poisson_nll_loss(x_hat, x, log_input=False, reduction="sum")',
    ),
    "a quarter": Scene(QUARTER + "\nreturn recon + kl", f"kl = {SUM}"),
    "a quarter in a tensor": Scene(
        "kl = torch.tensor(-0.25) * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())  # here\nreturn recon + kl",
        f"kl = {SUM}",
    ),
    "taken away": Scene(
        "kld = torch.sum(1 + logvar - mu.pow(2) - logvar.exp())  # here\nreturn recon - kld",
        f"kld = {HALF}",
    ),
    "returned": Scene(
        "return recon + kl_of(mu, logvar)",
        f"return {SUM}",
        before="def kl_of(mu, logvar):\n    return {TWICE}  # here\n\n\n",
    ),
    "half of the whole": Scene("kl = {TWICE}  # here\nreturn 0.5 * (recon + kl)", f"kl = {SUM}"),
    "half of a distribution's": Scene(
        "q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
        "p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))\n"
        "kl = 0.5 * torch.distributions.kl_divergence(q, p).sum()  # here\n"
        "return recon + kl",
        "kl = 0.5 * torch.sum(mu.pow(2) + std.pow(2) - 1 - 2 * std.log())",
    ),
    "in the sum with the error": Scene("return recon - torch.sum(1 + logvar - mu.pow(2) - logvar.exp())  # here", HALF),
    "over several lines": Scene(
        "kl = -torch.sum(  # here\n    1 + logvar\n    - mu.pow(2)\n    - logvar.exp()\n)\nreturn recon + kl",
        f"kl = {SUM}",
    ),
    "twice in the sum": Scene("return recon + 2 * ({SUM})  # here", f"-{HALF}"),
    "of a lambda": Scene("return recon + g(mu, logvar)", f"-{HALF}", "g = lambda mu, logvar: {TWICE}  # here\n\n\n"),
    "in rows of a stack": Scene(
        "kl = 2 * ({ROWS})  # here\nreturn torch.stack([recon, kl]).sum(0).mean()", f"kl = {ROWS}", error=OF_ROWS
    ),
    "computed for a log before": Scene(
        "kl = {TWICE}\nprint(kl.item())\nkl = {TWICE}  # here\nreturn recon + kl", f"kl = {SUM}"
    ),
}  # fmt: skip


def seen(scene: Scene) -> Seen:
    return plain.seen(scene.text)


def named(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.code == "VAE303"]


def marked(scene: Scene) -> int:
    return next(at for at, line in enumerate(scene.text.splitlines(), 1) if line.endswith("# here"))


@pytest.mark.parametrize("scene", [*ADDED.values(), *OFF.values()], ids=[*ADDED, *OFF])
def test_a_kl_that_is_off_is_named_at_one_line_by_both_observers(scene: Scene) -> None:
    both = seen(scene)
    (measured,), (read, *_) = named(both.measured.findings), named(both.read.findings)
    assert (measured.place and measured.place.line, read.place and read.place.line) == (marked(scene), marked(scene))
    assert measured.message == read.message
    assert measured.fix == scene.fix
    assert measured.fix != re.sub(r"\s+# here$", "", measured.place.text.strip() if measured.place else "")


def standing(judgements: tuple[Judgement, ...]) -> set[str]:
    """How VAE303 stands in the judgements that decide it."""
    found = {"found" for each in judgements if named(each.findings)}
    found |= {"clean" for each in judgements if "VAE303" in each.clean}
    return found | {"weighted" for each in judgements if "VAE303" in each.weighted}


@pytest.mark.parametrize("scene", [*RIGHT.values(), *WEIGHTED.values()], ids=[*RIGHT, *WEIGHTED])
def test_a_weight_that_somebody_wrote_is_one_to_both_observers(scene: Scene) -> None:
    both = seen(scene)
    assert both.measured.findings == ()
    expected = {"weighted" if scene.weighted else "clean"}
    assert (standing(both.measured.judgements), standing(both.read.judgements)) == (expected, expected)


def test_nothing_is_said_of_a_kl_added_with_another_weight_each_time() -> None:
    both = seen(Scene("kl = {SUM}\nreturn recon + kl + 0.1 * kl"))
    assert standing(both.measured.judgements) == standing(both.read.judgements) == set()
    (facts,) = both.measured.facts
    assert "each time with another weight" in facts.unobserved["kl.factor"]


def test_a_weight_of_two_settles_the_balance_of_a_mean_beside_a_sum() -> None:
    rows = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()"
    for lines, expected in (
        (f"kl = {rows}\nreturn recon + 2 * kl", False),
        (f"kl = {rows}\nreturn 2 * (recon + kl)", True),
    ):
        both = seen(Scene(lines, error="F.mse_loss(x_hat, x)"))
        for report in (both.measured, both.read):
            assert ("VAE502" in {finding.code for finding in report.findings}) is expected
