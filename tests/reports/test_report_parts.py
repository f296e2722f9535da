"""What is recognised of a VAE where its parts meet is told, though its class was examined by itself as well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import FACTS, LintLike

from vae_checked.catalogue import Judgement
from vae_checked.facts import KL, Fact, KLForm, Likelihood, Origin, Parametrisation, Recon, Sampler
from vae_checked.finding import Place
from vae_checked.reports.standing import of_whole

LINES = ["model.py:VAE: KL at loss.py:88", "run.py: sampler at model.py:42, KL at loss.py:88"]


@pytest.mark.parametrize(("own", "expected"), [(FACTS.sampler, LINES[:1]), (Sampler(), LINES)])
def test_a_function_in_which_more_is_recognised_has_a_line(own: Sampler, expected: list[str]) -> None:
    written = Origin("kl", Place("loss.py", 88, 5))
    kl, recon = KL(form=Fact(KLForm(Parametrisation.LOGVAR), written)), Recon(kind=Fact(Likelihood.MSE, written))
    whole = replace(FACTS, subject="run.py", kl=kl, recon=recon)
    facts = (replace(whole, subject="model.py:VAE", sampler=own), whole)
    judgements = tuple(Judgement(each.subject, (), (), {}) for each in facts)
    assert of_whole(LintLike(findings=(), judgements=judgements, facts=facts), LINES) == expected
