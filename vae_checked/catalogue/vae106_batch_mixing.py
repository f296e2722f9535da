"""VAE106: one sample moves another's reconstruction."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a change of one sample moves the output of another."""
    mixing = facts.output.batch_mixing
    if mixing is None:
        return lacking(facts, "output.batch_mixing")
    if mixing.value is None:
        return Clean()
    return Found(
        Evidence(
            origin=mixing.origin,
            values={
                "changed": mixing.value.changed,
                "moved": mixing.value.moved,
                "by": "" if mixing.value.amount is None else f" by {mixing.value.amount:.4g}",
            },
        )
    )


MISTAKE = Mistake(
    code="VAE106",
    name="batch-mixing",
    severity=Severity.ERROR,
    summary="Changing one sample of a batch moves the reconstruction of another.",
    why=(
        "A view that counts the batch among the channels, a transformer that takes the batch for the sequence "
        "(batch_first), a statistic over the whole batch: the model mixes samples together. It trains, but it "
        "learns to copy from neighbours in the batch, and at batch size 1 it is another model."
    ),
    message="sample {changed} of a batch moves the reconstruction of sample {moved}: the model mixes samples together",
    evidence="with only x[{changed}] changed, x_hat[{moved}] moves{by}",
    fix="keep the batch axis first and untouched, as in .view(-1, 3, 8, 12)",
    bad=edit((".view(-1, 3, 8, 12)", ".view(3, -1, 8, 12).transpose(0, 1)  # VAE106")),
    good=EXAMPLE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
