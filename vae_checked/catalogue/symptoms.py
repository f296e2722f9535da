"""What people see of a mistake before they know its name, in their words: the register of symptoms."""

from __future__ import annotations

from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that people see.

    `title` says it in a clause, `said` are other ways in which people put it, error messages among them, and
    `otherwise` names what else looks like this, right code included.
    """

    name: str
    title: str
    said: tuple[str, ...]
    otherwise: str


# fmt: off
SYMPTOMS: tuple[Symptom, ...] = (
    Symptom(
        "loss-is-nan",
        "the loss is NaN or infinite",
        (
            "loss, reconstruction and KL are all nan",
            "KL explodes to 1e27, 2e35, inf, nan",
            "log_var is 50",
            "exploding standard deviation",
            "exp overflow",
            "nan with amp, half, fp16, float16, mixed precision",
            "Expected parameter scale to satisfy the constraint GreaterThan(lower_bound=0.0)",
            "nan gradients",
        ),
        "data that are not scaled, or a learning rate that is too high. Look at the range of the data first, then at "
        "which of mu, logvar and exp(logvar) is the first to be large.",
    ),
    Symptom(
        "kl-is-0",
        "the KL goes to 0, or stays there",
        (
            "KL is 0", "KL divergence is zero", "KL term vanishes", "KL close to zero", "posterior collapse",
            "KL drops to 0 in a few epochs", "the KL loss is always the same", "latents are not used, ignored",
            "no active units", "mu is 0 and std is 1",
        ),
        "a decoder that needs no z, or a weight of the KL that is too large for the data. vae_checked.Monitor(model) "
        "tells these causes apart while the model trains.",
    ),
    Symptom(
        "all-alike",
        "reconstructions or samples are all the same",
        (
            "every output looks identical", "same output for every input", "all samples look alike", "average image",
            "mean image", "identical counterfactuals", "mode collapse", "no diversity",
        ),
        "a posterior collapse that is honest: the KL outweighs what the latents bring.",
    ),
    Symptom(
        "washed-out",
        "pictures are grey, washed out, or without contrast",
        (
            "gray", "grey reconstructions", "hazy", "faded", "low contrast", "dark half is missing", "no blacks",
            "colours are off", "burned", "burnt", "pale", "black images", "black pictures", "too dark", "too bright",
        ),
        "early training, in which every picture is near the mean.",
    ),
    Symptom(
        "blurry",
        "reconstructions are blurry",
        (
            "blurred", "not sharp", "reconstructions lack detail", "bad reconstructions", "poor reconstruction quality",
            "my reconstructions are bad",
        ),
        "the Gaussian likelihood itself: where several pictures are possible, its best answer is their mean.",
    ),
    Symptom(
        "samples-are-noise",
        "decoding N(0, I) draws noise, while reconstructions are good",
        (
            "samples are noise", "generated images are garbage", "reconstruction good but generation bad",
            "random samples look bad", "samples from the prior make no sense", "cannot generate new images",
        ),
        "a weight of the KL that is too small for the data, or too little training.",
    ),
    Symptom(
        "loss-is-negative",
        "the loss is negative, or falls without bound",
        ("negative loss", "loss goes to minus infinity, -inf", "loss below zero", "loss keeps decreasing forever"),
        "a density: the negative log likelihood of a narrow Gaussian is below 0, and is right. A cross entropy or a "
        "squared error never is.",
    ),
    Symptom(
        "kl-is-negative",
        "the KL is negative",
        ("negative KL divergence", "KL below zero", "KLD less than 0", "negative KL loss"),
        "a KL that is estimated from samples, which may be negative. A closed form never is.",
    ),
    Symptom(
        "kl-rises",
        "the KL rises during training",
        ("KL increases", "KL keeps growing", "KL goes up while the reconstruction goes down", "what is a normal KL"),
        "most often right code: the KL rises as the latents come into use, and as a warm-up lets go of it.",
    ),
    Symptom(
        "not-between-0-and-1",
        "an error says that elements should be between 0 and 1",
        (
            "all elements of input should be between 0 and 1", "all elements of target should be between 0 and 1",
            "Assertion `input_val >= zero && input_val <= one` failed", "device-side assert triggered",
        ),
        "a NaN in the decoder's output, which is not between 0 and 1 either.",
    ),
    Symptom(
        "loss-is-huge",
        "the loss starts in the millions",
        ("loss is huge", "very large loss", "loss of 1e6", "reconstruction loss is enormous"),
        "a sum over the pixels: an untrained model has an error of the order of their number.",
    ),
    Symptom(
        "loss-stays-high",
        "the loss stops falling at a high value",
        (
            "loss does not decrease", "loss is stuck", "loss plateaus", "model does not learn", "not training",
            "reconstruction loss does not go down", "does not converge",
        ),
        "a learning rate that is too low or too high, or too few latents.",
    ),
    Symptom(
        "unbalanced",
        "one term of the loss dominates the other",
        (
            "unbalanced loss terms", "sum or mean", "reduction", "KL weight 0.00025", "kld_weight", "implicit beta",
            "how to scale, weigh, balance KL and reconstruction", "KL is too large, too small against the MSE",
        ),
        "a weight that was chosen: the effective beta of the audit is the one number to compare with the paper's.",
    ),
    Symptom(
        "batch-size-matters",
        "the batch size changes the loss or the results",
        (
            "loss depends on the batch size", "other results with another batch size", "last batch has another loss",
            "results on several GPUs differ", "batch of 1 behaves otherwise",
        ),
        "batch normalisation, and a learning rate that was tuned to one batch size.",
    ),
    Symptom(
        "beta-does-nothing",
        "changing beta, or the weight of the KL, changes nothing",
        (
            "beta has no effect",
            "kl_weight is ignored",
            "annealing, warm-up, schedule has no effect",
            "beta is not used",
        ),
        "a KL that is 0 already, which no weight moves.",
    ),
    Symptom(
        "condition-does-nothing",
        "the class that is asked for does not show in what is drawn",
        (
            "the decoder ignores the class",
            "the label has no effect on what is generated",
            "conditional VAE generates random digits",
            "the condition is ignored",
        ),
        "a z that is drawn from the posterior of a picture, which shows that picture; draw z from the prior first.",
    ),
    Symptom(
        "not-deterministic",
        "one input gives another result at each call, in evaluation too",
        (
            "non-deterministic", "nondeterministic forward", "output changes with every call in eval mode",
            "embedding of one input is different each time", "not reproducible", "random output",
        ),
        "a model that samples in evaluation, which the ELBO asks for: take mu where an embedding is wanted.",
    ),
    Symptom(
        "bad-embeddings",
        "embeddings are bad, though training looks well",
        (
            "really bad embeddings", "latent space has no structure", "classes are not separated in latent space",
            "poor downstream accuracy", "bad latent representation",
        ),
        "latents that are few, or that the KL keeps empty.",
    ),
    Symptom(
        "encoder-does-not-learn",
        "the encoder, or another part, does not learn",
        (
            "encoder weights do not change", "parameters are not updated", "grad is None", "no gradient",
            "layer stays random", "head is never trained", "element 0 of tensors does not require grad",
            "parameters that were not used in producing loss", "unused parameters DDP",
        ),
        "a part that is frozen on purpose.",
    ),
    Symptom(
        "std-is-odd",
        "the posterior is too wide or too narrow",
        (
            "std is always 1", "std never falls below 1", "sigma is wrong", "logvar is always positive",
            "posterior variance is too large, too small", "std goes to 0", "standard deviation explodes",
        ),
        "latents that the KL keeps at the prior: their std is 1, and is right.",
    ),
    Symptom(
        "other-results",
        "the results differ from the paper, or from another implementation",
        (
            "cannot reproduce the paper", "results differ from the other implementation", "worse than reported",
            "ELBO, NLL, FID, bits per dimension differs from the paper", "not in the paper",
        ),
        "another effective beta, another likelihood, or other data.",
    ),
    Symptom(
        "shapes-disagree",
        "shapes do not fit, or only one image size works",
        (
            "mat1 and mat2 shapes cannot be multiplied", "mat1 dim 1 must match mat2 dim 0", "size mismatch",
            "Using a target size that is different to the input size",
            "The size of tensor a must match the size of tensor b", "only 64x64 images work",
            "shape is invalid for input of size", "output size differs from input size", "dimension error",
        ),
        "a size that the model does not accept: vae-checked shapes infer says which it does.",
    ),
    Symptom(
        "samples-mix",
        "what one sample gives depends on the others of its batch",
        (
            "mixes samples together", "two dimensions are mixed up", "batch dimension is wrong", "data leaks",
            "output depends on other samples", "shuffling the batch changes the output",
        ),
        "batch normalisation in training, which does so by design.",
    ),
    Symptom(
        "scrambled",
        "pictures are scrambled, striped, mirrored or transposed",
        (
            "stripes", "garbled images", "rotated images", "mirrored", "channels are mixed", "channels last",
            "wrong colours, RGB swapped", "tiled, repeated small images",
        ),
        "a plot that shows channels first as channels last.",
    ),
    Symptom(
        "loss-jumps",
        "the loss jumps from step to step",
        ("noisy loss", "unstable training", "loss spikes", "loss oscillates", "high variance of the gradient"),
        "a small batch, or a learning rate that is too high.",
    ),
    Symptom(
        "loss-looks-well",
        "the loss looks healthy, and the model is not",
        ("loss goes down but results are bad", "nan is hidden, replaced by 0", "loss decreases, outputs are wrong"),
        "a loss that measures something else than what is wanted.",
    ),
    Symptom(
        "memory-runs-out",
        "memory runs out, or a step takes longer than it should",
        ("CUDA out of memory", "OOM", "training in latent space is slow", "memory grows from step to step"),
        "a batch, or a picture, that is too large for the device.",
    ),
)
# fmt: on
