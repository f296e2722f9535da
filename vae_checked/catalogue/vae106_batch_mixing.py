"""VAE106: one sample moves another's reconstruction."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.layout_facts import Mixing

# What keeps samples apart, by what is taken for what.
_REMEDIES = {
    None: "keep the batch axis first and untouched, as in .view(-1, 3, 8, 12)",
    Mixing.STATE_AS_ROWS: "move the batch axis first: .transpose(0, 1).reshape(B, -1)",
    Mixing.ROWS_AS_STATE: ("keep the batch axis first, then move it: .view(B, layers, H).transpose(0, 1).contiguous()"),
    Mixing.BATCH_AS_FEATURES: "keep the batch axis: .flatten(1), or nn.Flatten() as it is by default",
    Mixing.BATCH_AS_CLASSES: "take the softmax along an axis of one sample, as dim=-1 does",
    Mixing.COPIES_AS_STEPS: "repeat each sample along an axis of its own: z.unsqueeze(1).expand(-1, T, -1)",
    Mixing.BATCH_AS_STEPS: (
        "batch_first=True there, or .transpose(0, 1) before and behind it; to audit data that have time first, "
        "forward= a method that takes the batch first"
    ),
    Mixing.STEPS_AS_COPIES: "put the copies along an axis of their own: z.unsqueeze(0).expand(T, -1, -1)",
}


def judge(facts: Facts) -> Verdict:
    """Found where a change of one sample moves the output of another."""
    mixing = facts.output.batch_mixing
    if mixing is None:
        return lacking(facts, "output.batch_mixing")
    if mixing.value is None:
        return Clean()
    by = mixing.value.by
    return Found(
        Evidence(
            origin=mixing.origin,
            values={
                "changed": mixing.value.changed,
                "moved": mixing.value.moved,
                "by": "" if mixing.value.amount is None else f" by {mixing.value.amount:.4g}",
                "seen": "" if by is None else f": {by}",
                "remedy": _REMEDIES[by],
            },
        )
    )


MISTAKE = Mistake(
    code="VAE106",
    name="batch-mixing",
    severity=Severity.ERROR,
    summary="Changing one sample of a batch moves the reconstruction of another.",
    why=(
        "A view that counts the batch among the channels, a recurrent state (layers, B, H) that is viewed as rows of "
        "samples, latents that `repeat` copies batch by batch and a view takes for copies step by step, a transformer "
        "that takes the batch for the sequence (batch_first), a statistic over the whole batch: the model mixes "
        "samples together. It trains, but it learns to copy from neighbours in the batch, and at batch size 1 it is "
        "another model."
    ),
    symptoms=("samples-mix", "batch-size-matters", "bad-embeddings"),
    said=(
        "batch_first is wrong",
        "view(-1, const) changes the batch",
        "hidden state viewed instead of permuted",
        "repeat, then view",
    ),
    message="sample {changed} of a batch moves the reconstruction of sample {moved}: the model mixes samples together",
    evidence="with only x[{changed}] changed, x_hat[{moved}] moves{by}{seen}",
    fix="{remedy}",
    bad=edit((".view(-1, 3, 8, 12)", ".view(3, -1, 8, 12).transpose(0, 1)  # VAE106")),
    good=EXAMPLE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
