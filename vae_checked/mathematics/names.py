"""What names say, the last resort: it only breaks ties, and no name by itself makes a finding."""

from __future__ import annotations

import re
from enum import StrEnum

from vae_checked.facts import Parametrisation

# Whole names of a batch size, without case and underscores; what counts batches is none.
_BATCH_SIZES = frozenset("b bs bsz bsize batch batchsize batchsz nbatch sizebatch".split())

ITEMS = "[...]"
"""What stands behind the name of a plain list or dict whose items are meant: `self.blocks[...]`."""
SPENT = "()"
"""What stands behind the name of a part whose parameters are handed over by an iterator of which nothing is left."""


class Role(StrEnum):
    """What a tensor is in a VAE."""

    INPUT = "x"
    RECONSTRUCTION = "x_hat"
    MU = "mu"
    SECOND = "head for std"
    LATENT = "z"
    LOSS = "loss"
    KL = "kl"
    RECONSTRUCTION_ERROR = "recon"


# The names that the field gives to the tensors of a VAE, as `plain` has them.
_NAMES: dict[Role, str] = {
    Role.RECONSTRUCTION: (
        "xhat recon recons reconx xrecon reconsx xrecons reconstruction reconstructions reconstructed reconstructedx "
        "xreconstructed reconstructedinput reconbatch recondata reconimg reconimages imgrecon rec xrec recx xtilde "
        "xout xpred xlogits logits decoded decoding xdecoded decoderoutput dec decoutput generated genimg xprime xp "
        "xbar xreconst yhat ypred pred preds prediction predictions outputs output out outputimg reconoutput sample xr"
    ),
    Role.INPUT: (
        "x input inputs target targets data batch img image images imgs original originalx xtrue xin origin orig xorig "
        "truex real realx groundtruth gt truth y xinput source src xbatch batchx samples"
    ),
    Role.MU: (
        "mu mean means mus zmean zmu meanz muz qmean qmu muq loc m meansz latentmean encmu posteriormean embedding zloc"
    ),
    Role.SECOND: (
        "logvar logvars lv logsigma logstd sigma std var zlogvar logvarz zlogsigma zstd zsigma qlogvar scale lnvar "
        "logvariance logsigma2 logcovariance stddev variance sigma2 logsigmasq logsd logs enclogvar posteriorlogvar "
        "zscale"
    ),
    Role.LATENT: "z latent latents zsample sampledz code codes zsamples latentsample latentz",
    Role.LOSS: "loss totalloss elboloss vaeloss negelbo nelbo objective trainloss losstotal",
    Role.KL: "kl kld klloss kldloss regloss kldiv kldivergence latentloss klterm losskl losskld reg",
    Role.RECONSTRUCTION_ERROR: (
        "reconloss reconstructionloss recloss mse bce reconsloss lossrecon likelihood reconerror lossrec nll"
    ),
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_STEMS = ("recon", "decoded", "xhat", "predicted")
# Parts of names that say what a parameter is where no whole name does.
_MU_WORDS = frozenset(("mu", "mean", "mus", "means"))
_SECOND_PARTS = ("var", "sigma", "std", "sd", "scale", "stddev", "lsgms", "logs")


def role_of(name: str) -> Role | None:
    """The role that a name has in the field, however it is spelled: `recon_x`, `logVar`, `zMean`; None for any other.

    >>> role_of("zMean"), role_of("recon_x"), role_of("hidden")
    (<Role.MU: 'mu'>, <Role.RECONSTRUCTION: 'x_hat'>, None)
    """
    bare = plain(name)
    known = _ROLES.get(bare)
    if known is not None or "loss" in bare:
        return known
    return Role.RECONSTRUCTION if any(stem in bare for stem in _STEMS) else None


def likely_role_of(name: str) -> Role | None:
    """`role_of`, with numbers at the end left out, and by parts of the name where the whole is not known: `fc_mu1`.

    For the parameters of a function that takes both heads, where a wrong guess matches nothing.
    """
    bare = plain(name).rstrip("0123456789")
    whole = role_of(bare)
    if whole is not None or plain(name) == "label":
        return whole or Role.INPUT
    if not _MU_WORDS.isdisjoint(word.rstrip("0123456789") for word in words_of(name)):
        return Role.MU
    return Role.SECOND if any(part in bare for part in _SECOND_PARTS) else None


_SPREADS = (
    (("var", "sigma2", "sigmasq", "covariance"), Parametrisation.LOGVAR, Parametrisation.VAR),
    (("std", "sigma", "scale", "sd"), Parametrisation.LOG_STD, Parametrisation.STD),
)


def reading_of(name: str) -> Parametrisation | None:
    """What a head for std is by its name, None where it says nothing.

    >>> [str(reading_of(name)) for name in ("z_logvar", "log_sigma", "sigma", "var", "h")]
    ['logvar', 'log_std', 'std', 'var', 'None']
    """
    bare = plain(name.rpartition(".")[2])
    for parts, of_logarithm, itself in _SPREADS:
        if any(part in bare for part in parts):
            return of_logarithm if "log" in bare or "ln" in bare else itself
    return None


def plain(name: str) -> str:
    """A name without case and underscores."""
    return name.lower().replace("_", "")


def is_batch_size(name: str) -> bool:
    """Whether a number is called the batch size: `batch_size`, `train_batch_size`, `bs`.

    >>> [name for name in ("bs", "train_batch_size", "num_batches", "batch_idx") if is_batch_size(name)]
    ['bs', 'train_batch_size']
    """
    bare = plain(name.rpartition(".")[2])
    return bare in _BATCH_SIZES or bare.endswith(("batchsize", "batchsz")) or name.lower().endswith(("_bs", "_bsz"))


_KL = frozenset(("kl", "kld", "kldiv", "divergence"))
# What may stand beside the word in the name of a function that returns the KL, and nothing else.
_BESIDE_KL = frozenset("compute calc calculate get div to from of between prior other standard normal gaussian".split())
# Whole names of the weight of a KL, as `plain` has them; M_N is that of PyTorch-VAE.
_KL_WEIGHTS = frozenset("beta betavae mn klw kldw wkl wkld ckl klc".split())
_WEIGHING = frozenset(
    "weight weights weighting w wt coef coeff coefficient c lambda lam lamb lmbd lambd beta alpha gamma scale factor "
    "multiplier mult ratio strength".split()
)
_KL_AND_WEIGHING = frozenset(f"{kl}{weight}" for kl in _KL for weight in _WEIGHING if len(weight) > 2)
# What says of a weight when it moves, or whether it is there, and is none itself.
_ABOUT_WEIGHTS = frozenset(
    "use with no has min max start end init final epoch epochs step steps iter iters schedule scheduler anneal "
    "annealing warmup cycle cycles mode type name every".split()
)


def words_of(name: str) -> list[str]:
    """The words of a name, written with underscores or in camel case, in lower case."""
    return [word for word in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_") if word]


def is_divergence(name: str) -> bool:
    """Whether a function is called the KL divergence, and not a loss or a term that is made of it.

    >>> [name for name in ("kl", "compute_kl", "kl_divergence", "kl_loss", "weighted_kl") if is_divergence(name)]
    ['kl', 'compute_kl', 'kl_divergence']
    """
    words = set(words_of(name))
    return not words.isdisjoint(_KL) and words <= _KL | _BESIDE_KL


def is_kl_weight(name: str) -> bool:
    """Whether a number is called the weight of the KL.

    >>> [name for name in ("lambda_kl", "kldWeight", "c_kl", "beta_vae", "beta1", "kl_warmup") if is_kl_weight(name)]
    ['lambda_kl', 'kldWeight', 'c_kl', 'beta_vae']
    """
    words = set(words_of(name.rpartition(".")[2]))
    if words & _ABOUT_WEIGHTS:
        return False
    return (
        "".join(words_of(name.rpartition(".")[2])) in _KL_WEIGHTS
        or bool(words & _KL and words & _WEIGHING)
        or _joined(words)
    )


def _joined(words: set[str]) -> bool:
    """Whether a word is a KL and what weighs it in one: `klweight`, `kldcoeff`."""
    return not words.isdisjoint(_KL_AND_WEIGHING)


# Words of a name that say whose a head is, and not what it is: `qz_m`, `mu_enc`, `latent_mean`.
_WHOSE = frozenset("z q qz qzx enc encoder encoded latent posterior post".split())
_HEADS = {"m": Role.MU, "v": Role.SECOND} | {n: r for n, r in _ROLES.items() if r in (Role.MU, Role.SECOND)}
# Words that make of the name of the data that of its reconstruction: `spec_hat`, `fake_images`.
_MADE_AGAIN = frozenset(
    "hat hats rec recs recon recons reconst reconstr reconstructed reconstruction reconstructions pred preds predicted "
    "prediction tilde prime decoded out output fake gen generated est estimated estimate bar".split()
)
_OF_THE_LATENT = (Role.MU, Role.SECOND, Role.LATENT)
# Names of what a reconstruction is compared with, and never of the reconstruction.
_ONLY_TARGETS = frozenset("target targets original originalx orig xorig xtrue truex gt truth groundtruth real".split())
# Names of what a model is conditioned on, and of classes.
_CONDITIONS = frozenset(
    "c cs cond conds condition conditions conditioning context label labels lab labs cls class classes classid "
    "classids attr attrs attribute attributes category categories categorical onehot ylabel ylabels".split()
)


def argument_role_of(name: str) -> Role | None:
    """The role of an argument of a loss by its name, words that say whose it is and numbers at its end left out.

    >>> [str(argument_role_of(name)) for name in ("qz_m", "mu_x", "logvar_z", "mean1", "spec_hat", "spec")]
    ['mu', 'mu', 'head for std', 'mu', 'x_hat', 'None']
    """
    known = role_of(name)
    if known is not None:
        return known
    words = [word for word in (each.rstrip("0123456789") for each in words_of(name)) if word]
    whose = set(words) & _WHOSE
    if len(words) > 1 and words[-1] == "x":
        words, whose = words[:-1], whose | {"x"}
    bare = "".join(word for word in words if word not in _WHOSE)
    head = _HEADS.get(bare) if whose or len(bare) > 1 else None
    if head is not None:
        return head
    return Role.RECONSTRUCTION if _without_made_again(name) else None


def is_made_again(name: str, data: str) -> bool:
    """Whether one name is that of the reconstruction of what the other names.

    >>> is_made_again("video_hat", "video"), is_made_again("recon_counts", "counts"), is_made_again("mu", "video")
    (True, True, False)
    """
    left = _without_made_again(name)
    return bool(left) and left == "".join(words_of(data))


def _without_made_again(name: str) -> str:
    """What a name of a reconstruction says beside that it is one; empty for another name, and for that of a latent."""
    words = words_of(name)
    left = "".join(word for word in words if word not in _MADE_AGAIN)
    if len(left) == len("".join(words)) or role_of(left) in _OF_THE_LATENT or is_condition(left):
        return ""
    return left


_NUMBERS = (
    _WEIGHING
    | _ABOUT_WEIGHTS
    | frozenset(
        "iteration iterations global temperature temp tau annealed n num number count size len length dim dims eps "
        "epsilon capacity lr progress reduction device".split()
    )
)


def is_number(name: str) -> bool:
    """Whether an argument is called like a number or a setting, and not like a tensor; a single letter is no name.

    >>> [name for name in ("epoch", "num_iter", "temperature", "spec", "c") if is_number(name)]
    ['epoch', 'num_iter', 'temperature']
    """
    words = words_of(name)
    return len(name) > 1 and bool(words) and all(word in _NUMBERS for word in words)


def is_only_a_target(name: str) -> bool:
    """Whether a name is that of what is reconstructed, and never that of a reconstruction."""
    return plain(name) in _ONLY_TARGETS


_SAMPLE = re.compile(r"zs?(\d+|k|t|n|flow|first|last|final|init|initial|samples?)?")
_LOG_DETERMINANT = re.compile(r"(sum)?(ldjs?|log(abs)?(det|jac)\w*)")


def is_sample(name: str) -> bool:
    """Whether a name is that of a sample of the latent, one of several perhaps, as before and after a flow.

    >>> [name for name in ("z", "z_0", "zK", "z_final", "z_mean", "zeta") if is_sample(name)]
    ['z', 'z_0', 'zK', 'z_final']
    """
    return _SAMPLE.fullmatch(plain(name)) is not None


def is_log_determinant(name: str) -> bool:
    """Whether a name is that of the logarithm of a flow's determinant, one number a sample.

    >>> [name for name in ("ldj", "log_det_j", "sum_log_abs_det", "logvar") if is_log_determinant(name)]
    ['ldj', 'log_det_j', 'sum_log_abs_det']
    """
    return _LOG_DETERMINANT.fullmatch(plain(name)) is not None


def is_condition(name: str) -> bool:
    """Whether a name is that of a class or of another condition of the model."""
    return plain(name).rstrip("0123456789") in _CONDITIONS
