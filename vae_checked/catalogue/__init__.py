"""The catalogue of silent mistakes: one file each, and this register of them all."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from vae_checked.catalogue.mistake import Judge, Mistake, Observer
from vae_checked.catalogue.support.wording import compose
from vae_checked.catalogue.verdict import Clean, Found, Undecided, Verdict, Weighted
from vae_checked.errors import UsageError
from vae_checked.facts import Facts, Latents
from vae_checked.finding import Finding
from vae_checked.record import dataclass, field, replace
from vae_checked.text import did_you_mean

__all__ = [
    "CATALOGUE",
    "Clean",
    "Found",
    "Judge",
    "Judgement",
    "Mistake",
    "Observer",
    "Undecided",
    "Verdict",
    "Weighted",
    "find",
    "judge",
]

# The register: the file of each mistake, once, in the order of the codes.
_FILES = (
    "vae101_view_used_as_permute",
    "vae102_channels_last_into_conv",
    "vae103_swapped_height_width",
    "vae104_pixel_scale",
    "vae105_reconstruction_shape",
    "vae106_batch_mixing",
    "vae201_log_std_read_as_logvar",
    "vae202_non_gaussian_noise",
    "vae203_shared_noise",
    "vae204_clipped_posterior_head",
    "vae205_swapped_or_duplicated_head",
    "vae206_sample_without_gradient",
    "vae207_noise_at_the_wrong_time",
    "vae208_overflowing_logvar",
    "vae209_commitment_on_the_codes",
    "vae301_kl_formula",
    "vae302_kl_sign",
    "vae303_kl_scale",
    "vae304_kl_reduced_over_wrong_axes",
    "vae305_kl_not_in_loss",
    "vae306_kl_reversed",
    "vae401_sigmoid_into_logits_loss",
    "vae402_logits_into_bce",
    "vae403_output_range_mismatch",
    "vae404_swapped_bce_arguments",
    "vae405_double_activation",
    "vae406_half_range_activation",
    "vae501_reconstruction_reduced_over_wrong_axes",
    "vae502_mean_reconstruction_summed_kl",
    "vae503_latent_mean_kl",
    "vae504_batch_reduction_mismatch",
    "vae505_reconstruction_sign",
    "vae506_ignored_reduction_attribute",
    "vae601_parameters_without_gradient",
    "vae602_parameters_without_optimizer",
    "vae603_always_on_dropout",
    "vae604_hidden_nan",
    "vae701_latent_ends_disagree",
    "vae702_shift_forgotten",
    "vae703_factor_of_another_vae",
    "vae704_pixel_range_at_the_vae",
    "vae705_decode_cut_from_loss",
    "vae706_trainable_vae_in_latent_loop",
    "vae707_latents_clamped_as_pixels",
    "vae708_latent_affine_on_logvar",
    "vae709_overflowing_half_vae",
    "vae710_latent_grid",
    "vae801_ignored_condition",
)
CATALOGUE: tuple[Mistake, ...] = tuple(import_module(f"{__name__}.{file}").MISTAKE for file in _FILES)
# The mistakes that are made with the latents of a VAE, and not in one.
OF_LATENTS = frozenset(each.code for each in CATALOGUE if all(path.startswith("latents.") for path in each.needs))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings in one VAE, the codes that are clean, and of the others what decides them no further.

    `undecided` holds what each judge lacked, `weighted` what settled a question of balance.
    """

    subject: str
    findings: tuple[Finding, ...]
    clean: tuple[str, ...]
    undecided: dict[str, Undecided] = field(default_factory=dict)
    weighted: dict[str, Weighted] = field(default_factory=dict)


def find(code: str) -> Mistake:
    """The mistake of this code (`VAE201`, `201`) or name; UsageError when there is none."""
    wanted = code.strip()
    for mistake in CATALOGUE:
        if wanted.upper() in (mistake.code, mistake.code.removeprefix("VAE")) or wanted.lower() == mistake.name:
            return mistake
    meant = did_you_mean(wanted, [name for each in CATALOGUE for name in (each.code, each.name)])
    known = f"vae-checked rules lists the {len(CATALOGUE)} there are"
    raise UsageError(f"no mistake {code!r} in the catalogue{meant}: {known}")


def _known_in_part(facts: Facts, mistake: Mistake) -> str | None:
    """Why what a mistake is judged by is not known on every way through the code, though it is on one."""
    return next((facts.elsewhere[each] for each in mistake.needs if each in facts.elsewhere), None)


def judge(facts: Facts, mistakes: Iterable[Mistake] = CATALOGUE) -> Judgement:
    """Put `facts` before the judge of each of `mistakes`; what was cut short is clean of none, and lacks nothing.

    Latents in use are put before the judges of these alone, and a VAE before the others.
    """
    in_use = facts.latents != Latents()
    cut = None if facts.cut_at is None else Undecided(reason=f"the reading was cut short at {facts.cut_at}")
    findings: list[Finding] = []
    clean: list[str] = []
    undecided: dict[str, Undecided] = {}
    weighted: dict[str, Weighted] = {}
    for mistake in mistakes:
        if (mistake.code in OF_LATENTS) is not in_use:
            continue
        match mistake.judge(facts):
            case Found(evidence) if cut is not None and evidence.absent:
                undecided[mistake.code] = cut
            case Found(evidence):
                findings.append(compose(mistake, evidence, facts))
            case Clean() if cut is not None:
                undecided[mistake.code] = cut
            case Clean() if facts.elsewhere and (other := _known_in_part(facts, mistake)) is not None:
                undecided[mistake.code] = Undecided(reason=other)
            case Clean():
                clean.append(mistake.code)
            case Undecided() as open_question:
                # What is open for a reason stays open whatever another evaluation saw.
                other = _known_in_part(facts, mistake) if facts.elsewhere and not open_question.reason else None
                undecided[mistake.code] = replace(open_question, reason=other) if other else open_question
            case Weighted() as settled:
                weighted[mistake.code] = settled
    return Judgement(facts.subject, tuple(findings), tuple(clean), undecided, weighted)
