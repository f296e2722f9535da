"""Laws and the catalogue: which mistakes break which law, proven on stages that hold them."""

from __future__ import annotations

import re

import pytest
from planted.stages import PLANTED
from test_laws import LOGVAR_SIZES, build

from vae_checked.catalogue import CATALOGUE
from vae_checked.cli import main
from vae_checked.cli.linked_laws import LinkedLaw, laws_broken_by, linked_laws
from vae_checked.errors import ModelError
from vae_checked.laws import LAWS, InapplicableError, Law

VARIANTS = ("logits", "sigmoid", "tanh")
SEEDS = (1, 2, 3)
CODES = {mistake.code for mistake in CATALOGUE}


def broken(law: Law, planted: str) -> bool:
    """Whether the mistake breaks the law on some variant of the reference."""
    for variant in VARIANTS:
        for seed in SEEDS:
            try:
                if law.check(PLANTED[planted](build(LOGVAR_SIZES, variant)), LOGVAR_SIZES, seed) is not None:
                    return True
            except (InapplicableError, ModelError):
                continue
    return False


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_names_the_mistakes_that_break_it_or_says_why_none_does(law: Law) -> None:
    assert set(law.broken_by) <= CODES
    assert len(set(law.broken_by)) == len(law.broken_by)
    assert bool(law.broken_by) != bool(law.unlinked)
    assert law.suspects.count("VAE") == (len(law.broken_by) + 1 if law.broken_by else 0)


@pytest.mark.parametrize(
    ("law", "code"),
    [(law, code) for law in LAWS for code in law.broken_by],
    ids=lambda each: getattr(each, "name", each),
)
def test_a_mistake_breaks_each_law_that_names_it(law: Law, code: str) -> None:
    assert any(broken(law, planted) for planted in PLANTED if planted.split()[0] == code)


def test_every_mistake_that_shows_in_stages_has_its_law() -> None:
    named = {code for law in LAWS for code in law.broken_by}
    assert named == {planted.split()[0] for planted in PLANTED}


def test_the_laws_read_from_their_source_are_those_of_the_register() -> None:
    read = sorted(linked_laws())
    assert read == sorted(LinkedLaw(law.name, law.statement, law.broken_by) for law in LAWS)


def test_explain_shows_the_laws_that_a_mistake_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "VAE302"]) == 0
    page = capsys.readouterr().out
    section = page.split("\nbreaks the laws:\n")[1].split("\n\n")[0]
    assert section.splitlines() == [
        "  elbo-below-evidence: log p(x) - ELBO = KL(q(z|x) || p(z|x)) >= 0",
        "  kl-grows-with-log-std: kl grows with |logvar| of every latent, on both sides of 0",
        "  kl-grows-with-mu: kl grows with |mu| of every latent",
        "  kl-nonnegative: kl(mu, logvar) >= 0 for every posterior",
        "  kl-zero-at-prior: kl = 0 at mu = 0, logvar = 0, and only there",
    ]


def test_a_mistake_that_breaks_no_law_has_no_such_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert laws_broken_by("VAE602") == []
    assert main(["explain", "VAE602"]) == 0
    assert not re.search(r"^breaks the laws", capsys.readouterr().out, re.M)
