"""How far VAEs count as examined: no core counts as checked of which a question was left open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted.facts import CASES, LOGVAR, LOGVAR_CURVE, MEAN, SUM, Values, made

from vae_checked.catalogue import CATALOGUE, find, judge
from vae_checked.catalogue.coverage import CORE, RECONSTRUCTION, Examined, examined
from vae_checked.catalogue.support.fact_names import FACT_NAMES
from vae_checked.facts import (
    PATHS,
    REAL,
    UNIT,
    Fact,
    Factor,
    Facts,
    KLForm,
    Likelihood,
    Noise,
    NoiseLaw,
    Origin,
    Recon,
    Reduced,
    Sampler,
)
from vae_checked.finding import Place

WHOLE: Values = {
    "sampler.std": LOGVAR_CURVE,
    "sampler.noise": Noise(NoiseLaw.STANDARD_NORMAL, 0.0, 1.0),
    "sampler.shared_over": frozenset(),
    "kl.form": KLForm(LOGVAR),
    "kl.sign": 1,
    "kl.reduced": Reduced(MEAN, SUM),
    "recon.kind": Likelihood.MSE,
    "recon.reduced": Reduced(MEAN, SUM),
}


def of(*facts: Facts) -> list[Examined]:
    # In these scenes what has a name in small letters behind its file is a function.
    names = [item.subject.rpartition(":") for item in facts]
    seen = [
        replace(item, of_function=bool(named) and name.islower())
        for item, (_, named, name) in zip(facts, names, strict=True)
    ]
    return examined(seen, [judge(item) for item in seen])


def without(*paths: str) -> Facts:
    return made({path: value for path, value in WHOLE.items() if path not in paths})


def test_every_fact_has_a_name_and_every_code_of_the_core_exists() -> None:
    assert set(FACT_NAMES) == set(PATHS)
    assert {find(code).code for code in (*CORE, *RECONSTRUCTION[0], *RECONSTRUCTION[1])} <= {
        each.code for each in CATALOGUE
    }


def test_the_core_of_a_vae_is_checked_where_all_of_it_is_decided() -> None:
    (vae,) = of(made(WHOLE))
    assert vae.core_checked
    assert vae.gap is None
    assert {"VAE201", "VAE304", "VAE504"} <= set(vae.clean)


def test_a_mistake_decides_its_question() -> None:
    (vae,) = of(made({**WHOLE, **CASES["VAE201"].bad}))
    assert vae.found == {"VAE201"}
    assert vae.core_checked


def test_a_weight_decides_the_balance() -> None:
    (vae,) = of(made({**WHOLE, "recon.reduced": Reduced(MEAN, MEAN), "kl.factor": Factor(0.1, explicit=True)}))
    assert set(vae.weighted) == {"VAE303", "VAE502"}
    assert vae.core_checked


def test_the_ranges_decide_where_the_reductions_do_not() -> None:
    assert not of(without("recon.reduced"))[0].core_checked
    ranges = {"output.interval": REAL, "data.interval": UNIT}
    (vae,) = of(made({**{path: value for path, value in WHOLE.items() if path != "recon.reduced"}, **ranges}))
    assert vae.core_checked


@pytest.mark.parametrize("path", [path for path in WHOLE if path != "recon.reduced"])
def test_without_one_fact_of_the_core_a_vae_is_checked_in_part(path: str) -> None:
    # What is not compared with the data is not reduced either.
    facts = without(path, *(["recon.reduced"] if path == "recon.kind" else []))
    facts = replace(facts, unobserved={path: "it was not resolved"}, stopped_at={path: Place("model.py", 7)})
    (vae,) = of(facts)
    assert not vae.core_checked
    assert vae.gap is not None
    assert (vae.gap.path, vae.gap.reason, vae.gap.place) == (path, "it was not resolved", Place("model.py", 7))
    assert all(path in vae.undecided[code].missing for code in vae.gap.codes)


def test_views_of_one_sampler_are_one_vae_and_complete_each_other() -> None:
    rest = replace(without("recon.kind", "recon.reduced"), subject="train.py:train")
    (vae,) = of(without("kl.sign", "kl.reduced"), rest)
    assert vae.subject == "model.py:VAE"
    assert {"VAE302", "VAE304", "VAE401"} <= set(vae.clean)


def test_what_one_view_saw_and_left_open_is_not_clean_by_another() -> None:
    (vae,) = of(made(WHOLE), made({**WHOLE, "kl.reduced": Reduced(MEAN)}))
    assert "VAE304" in vae.undecided
    assert not vae.core_checked


def test_the_sign_of_one_kl_says_nothing_of_another_of_the_same_heads() -> None:
    shown = without("kl.sign")
    elsewhere = Fact(KLForm(LOGVAR), Origin("kl of the training", Place("loss.py", 138)))
    (vae,) = of(made(WHOLE), replace(shown, kl=replace(shown.kl, form=elsewhere)))
    assert "VAE302" in vae.undecided
    assert {"VAE201", "VAE301", "VAE304"} <= set(vae.clean)
    (seen,) = of(made(WHOLE), shown)
    assert "VAE302" in seen.clean


def test_the_order_in_one_loss_says_nothing_of_that_in_another() -> None:
    squared = made({**WHOLE, "recon.swapped": False})
    crossed = made({**WHOLE, "recon.kind": Likelihood.BCE})
    elsewhere = Fact(Likelihood.BCE, Origin("bce of the training", Place("loss.py", 138)))
    (vae,) = of(squared, replace(crossed, recon=replace(crossed.recon, kind=elsewhere)))
    assert "VAE404" in vae.undecided
    assert "VAE404" in of(squared)[0].clean


def test_a_latent_that_was_not_seen_whole_keeps_its_vae_in_part() -> None:
    other = without("kl.form", "kl.sign", "kl.reduced")
    std = Fact(LOGVAR_CURVE, Origin("std", Place("model.py", 90)))
    (vae,) = of(made(WHOLE), replace(other, sampler=replace(other.sampler, std=std)))
    assert not vae.core_checked
    assert "VAE301" in vae.undecided


def drawn(subject: str, path: str) -> Facts:
    """A draw of uniform numbers that a model generates from: all that is known of it is its law."""
    noise = Fact(Noise(NoiseLaw.UNIFORM, 0.5, 12**-0.5), Origin("torch.rand(16, 7)", Place(path, 90)))
    return Facts(subject, sampler=Sampler(noise=noise))


@pytest.mark.parametrize(
    ("subject", "path"), [("model.py:VAE", "model.py"), ("model.py:show", "model.py"), ("show.py", "show.py")]
)
def test_what_a_vae_generates_from_is_no_latent_beside_its_own(subject: str, path: str) -> None:
    (vae,) = of(drawn(subject, path), replace(made(WHOLE), subject="model.py:VAE"))
    assert vae.subject == "model.py:VAE"
    assert vae.core_checked
    assert vae.found == {"VAE202"}
    assert {"VAE201", "VAE301", "VAE504"} <= set(vae.clean)


def test_what_either_of_two_vaes_may_generate_from_counts_for_itself() -> None:
    place = Fact(LOGVAR_CURVE, Origin("std", Place("other.py", 12)))
    other = replace(made(WHOLE), subject="other.py:Other", sampler=replace(made(WHOLE).sampler, std=place))
    vaes = of(drawn("show.py", "show.py"), made(WHOLE), other)
    assert [(vae.subject, vae.found) for vae in vaes][-1] == ("show.py", {"VAE202"})
    (alone,) = of(drawn("show.py", "show.py"))
    assert alone.is_vae
    assert not alone.core_checked


def test_two_classes_that_share_a_sampler_are_two_vaes() -> None:
    first, second = of(made(WHOLE), replace(without("kl.form"), subject="other.py:Other"))
    assert (first.core_checked, second.core_checked) == (True, False)


def test_a_trainer_of_a_model_with_the_same_base_counts_for_itself() -> None:
    whole = made({**WHOLE, "output.interval": REAL})
    own = replace(whole, kl=replace(whole.kl, sign=None))
    seen = replace(whole, subject="train.py:main")
    kind = Fact(Likelihood.MSE, Origin("the other model's error", Place("other.py", 14)))
    decoded = Fact(REAL, Origin("what the other model decodes", Place("other.py", 12)))
    own_error = replace(seen, recon=replace(seen.recon, kind=kind))
    of_other = replace(own_error, output=replace(seen.output, interval=decoded))
    alone, trainer = of(own, of_other)
    assert (alone.core_checked, trainer.core_checked) == (False, True)
    # What it draws without an error is of the model that it trains.
    beside = replace(own, subject="train.py:main", recon=Recon())
    assert [len(vae.views) for vae in of(own, of_other, beside)] == [1, 2]
    assert [len(vae.views) for vae in of(own, seen)] == [2]
    # An error of its own, of what the same model decodes.
    assert [len(vae.views) for vae in of(own, own_error)] == [2]


def test_what_is_found_of_a_trainer_is_not_clean_of_it() -> None:
    model = made({**WHOLE, "output.interval": REAL, "output.activations": ()})
    bounded = replace(made({**WHOLE, **CASES["VAE405"].bad}), subject="train.py:main")
    kind = Fact(Likelihood.MSE, Origin("the error where a setting says so", Place("model.py", 61)))
    decoded = Fact(REAL, Origin("what the other decoder makes", Place("decoders.py", 97)))
    other = replace(
        replace(model, subject="train.py:main"),
        recon=replace(model.recon, kind=kind),
        output=replace(model.output, interval=decoded),
    )
    assert [("VAE405" in vae.clean, vae.found) for vae in of(model, other)] == [(True, set()), (True, set())]
    found = of(model, bounded, other)
    assert [(vae.subject, len(vae.views)) for vae in found] == [("model.py:VAE", 2), ("train.py:main", 1)]
    assert [("VAE405" in vae.clean, "VAE405" in vae.found) for vae in found] == [(False, True), (False, True)]
    # Of another trainer of the same model it is clean.
    elsewhere = replace(other, subject="other.py:main")
    assert [("VAE405" in vae.clean, vae.found) for vae in of(model, bounded, elsewhere)][1] == (True, set())


def test_a_loss_that_was_run_by_itself_counts_for_its_trainer() -> None:
    trainer = replace(made(WHOLE), subject="train.py")
    alone = replace(trainer, subject="train.py:criterion", sampler=Sampler())
    (vae,) = of(trainer, replace(alone, kl=replace(alone.kl, sign=None, reduced=None)))
    assert (vae.subject, vae.core_checked) == ("train.py", True)
    # Of two trainers it is of neither more than of the other.
    other = replace(trainer, subject="other.py")
    assert [each.subject for each in of(trainer, other, alone)] == ["train.py", "other.py", "train.py:criterion"]


def test_a_loss_run_by_itself_counts_for_the_model_of_its_trainer() -> None:
    model = without("kl.form", "kl.sign", "kl.reduced", "recon.kind", "recon.reduced")
    trainer = replace(made(WHOLE), subject="train.py")
    for subject in ("loss.py:criterion", "loss.py:Criterion"):
        alone = replace(trainer, subject=subject, sampler=Sampler())
        (vae,) = of(model, trainer, replace(alone, kl=replace(alone.kl, sign=None, reduced=None)))
        assert (vae.subject, vae.core_checked) == ("model.py:VAE", True)
        # Where no trainer was seen to call it, it is known by itself, and so is the model.
        assert [each.subject for each in of(model, alone)] == ["model.py:VAE", subject]


def test_a_function_that_runs_two_classes_counts_for_neither() -> None:
    shared = replace(made(WHOLE), subject="other.py:Other")
    found = of(made(WHOLE), shared, replace(without("kl.sign"), subject="train.py:train"))
    assert [each.subject for each in found] == ["model.py:VAE", "other.py:Other", "train.py:train"]


def test_a_loss_alone_is_no_vae() -> None:
    (loss,) = of(made({"recon.kind": Likelihood.MSE}))
    assert not loss.is_vae
