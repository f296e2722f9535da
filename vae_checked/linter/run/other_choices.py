"""What is wrong in branches that a setting leaves out today: of such an evaluation what stands in these alone is kept.

Which settings go together is not known, so that nothing is said of what one branch does beside another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import KL, Data, Facts, Family, KLForm, Output, Sampler, Training
from vae_checked.finding import Place
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import assemble
from vae_checked.linter.roles.across import Across
from vae_checked.linter.symbols.observations import ProjectObservations
from vae_checked.record import replace


def facts(evaluations: Iterable[Evaluation], observed: ProjectObservations) -> Iterator[Facts]:
    """The KLs that are none of any parametrisation, those that read a head otherwise than their samplers, and the
    VAEs of scripts that have none as they are set today."""
    for evaluation in evaluations:
        is_script = evaluation.subject == evaluation.module.path
        if not is_script and not assemble.has_departing_kl(evaluation):
            continue
        for item in assemble.facts_of(evaluation, Across(observed)):
            form, std = item.kl.form, item.sampler.std
            if form is None:
                continue
            if _is_none(form.value):
                yield Facts(item.subject, kl=KL(form=form))
            elif std is not None and item.recon.kind is not None and is_script:
                # What a loss needs of the output, and of the data, may be settled by another setting.
                yield replace(
                    item,
                    output=Output(),
                    data=Data(),
                    recon=replace(item.recon, swapped=None),
                    training=Training(),
                )
            elif std is not None and std.value.parametrisation is not form.value.parametrisation:
                yield Facts(item.subject, kl=KL(form=form), sampler=Sampler(std=std))


def _is_none(form: KLForm) -> bool:
    return form.offset or (form.parametrisation is None and form.family is Family.GAUSSIAN)


def new(supposed: Iterable[Facts], known: Iterable[Facts]) -> list[Facts]:
    """Of what was seen under other settings that which stands at no place that was seen under those of today.

    Of a whole VAE it is the KL that was not, or not of any draw: its sampler is seen with its model, and a loss that no
    setting of today calls was run by itself.
    """
    seen, joined = set[Place](), set[Place]()
    for item in known:
        places = _places(item)
        seen |= places
        if item.kl.form is not None and item.sampler.std is not None:
            joined |= places
    return [
        item
        for item in supposed
        if (seen if item.recon.kind is None else joined).isdisjoint(
            _places(item if item.recon.kind is None else replace(item, sampler=Sampler()))
        )
    ]


def _places(item: Facts) -> set[Place]:
    found = (fact.origin.place for fact in (item.kl.form, item.sampler.std) if fact is not None)
    return {place for place in found if place is not None}
