"""One pass over the expressions of an evaluation: latents from `encode` to what uses them, and back from `decode`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from vae_checked.catalogue.support.known_vaes import known
from vae_checked.facts import Fact, Interval, Origin
from vae_checked.latent_facts import AffineMap, Use
from vae_checked.linter.evaluations.evaluation import Evaluation, expressions
from vae_checked.linter.files.test_code import is_of_a_test
from vae_checked.linter.pretrained import parts
from vae_checked.linter.pretrained.affine_steps import LINEAR, affine, inside, is_plain, number_by
from vae_checked.linter.pretrained.ends import Decoded, Encoded, Encoding, Where
from vae_checked.linter.pretrained.halves import Halves
from vae_checked.linter.pretrained.looked_at import is_looked_at
from vae_checked.linter.pretrained.mixtures import is_noise, spreads
from vae_checked.linter.pretrained.moving import moves
from vae_checked.linter.pretrained.own_decoders import is_drawn, own_encodes
from vae_checked.linter.pretrained.pictures import Pictures
from vae_checked.linter.pretrained.places import Places
from vae_checked.linter.pretrained.quantities import written_elsewhere
from vae_checked.linter.pretrained.schedules import clamped_prediction, clipping, clipping_loop, sampling_loop
from vae_checked.linter.pretrained.sources import is_read, use_of
from vae_checked.linter.pretrained.vaes import Owner, calls_another, is_made_elsewhere, is_named, owner_of
from vae_checked.linter.pretrained.ways import ways_on
from vae_checked.linter.symbols.expression import NOISE, TRANSPARENT, Expr, Graph, called_name, origin, strip, walk
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.values import Function, Module
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import IDENTITY
from vae_checked.record import dataclass, replace

ENCODES = frozenset(("encode", "tiled_encode", "encode_stage_2_inputs"))
# What encodes and draws from the posterior at once.
_DRAWN_ALREADY = frozenset(("encode_stage_2_inputs",))
DECODES = frozenset(("decode", "tiled_decode", "decode_stage_2_outputs"))
_CODES = ENCODES | DECODES
# What a posterior is asked for.
_DRAWS = frozenset(("sample", "rsample", "mode", "mean", "latents", "latent"))
_HOLDS = frozenset(("latent_dist", "posterior", "latent_distribution"))
# What adds noise to a latent by a schedule, its latent first.
NOISING = frozenset(("add_noise", "scale_noise", "q_sample", "forward_diffusion", "get_velocity", "noise_latents"))
# What is in a batch, or in a file.
_KEPT = frozenset(("data", "batch", "item", "label"))
# What writes tensors to a file, and what holds several of them.
_SAVES = frozenset(("save", "savez", "savez_compressed", "save_file", "create_dataset", "dump", "write"))
_HOLDING = frozenset(("dict", "sequence"))
# What trains a model on what it is given.
_TRAINING = re.compile(r"(?:^|[._])(?:training_loss\w*|loss(?:_?fn|es|_func\w*)?|p_losses|compute_loss\w*)$")
_GAUSSIAN = "DiagonalGaussianDistribution"
_ADAPTED = re.compile(r"vae\.(?:add_adapter|load_lora|set_adapter)|vae_lora|lora_\w*vae|vae\.encoder\.forward\s*=")
# What pixels in [0, 1] are mapped by to [-1, 1], and back.
_TO_UNIT = "x / 2 + 0.5"
_PIXEL_MAPS = {
    AffineMap(affine_maps.number(2.0), affine_maps.number(-1.0)): "x * 2 - 1",
    AffineMap(affine_maps.number(0.5), affine_maps.number(0.5)): _TO_UNIT,
}
# What brings pictures to [0, 1], and bytes.
_UNIT_MAPS = {AffineMap(affine_maps.number(0.5), affine_maps.number(0.5)), AffineMap(affine_maps.number(1 / 255))}
_MAX_CHAIN = 60
_MAX_LEAVES = 8


def is_noising(node: Expr) -> bool:
    """Whether a node is a call that adds noise to a latent by a schedule."""
    if node.op == "opaque" and str(node.get("name")).startswith("method:"):
        return called_name(node) in NOISING
    return node.op == "call" and node.get("name") in NOISING


def is_coding(node: Expr) -> bool:
    """Whether a node may be a call of a VAE that encodes or decodes, or a posterior: one of these begins every way."""
    if node.op == "call":
        is_whole = len(node.args) > 1 and node.get("name") in _CODES
        return is_whole or parts.encoding(node) is not None or parts.is_decoding(node)
    return node.op == "opaque" and bool(node.args) and str(node.get("name")).endswith(_GAUSSIAN)


@dataclass(frozen=True, slots=True)
class Latent:
    """What a node is in terms of a latent: the map from what `encode` gave, and the outermost operation of it.

    A posterior, and its parameters, are no latents yet: `drawn` says whether a node is one. `of_layers` is whether the
    posterior was made by layers of the code, or by another model, `is_asked_for` whether one was asked for the latent.
    """

    owner: Owner
    call: Expr
    applied: AffineMap
    drawn: bool
    at: Expr
    written: Origin | None = None
    of_layers: bool = False
    is_asked_for: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """A node as an affine map of a leaf, and the outermost clamp on the way, if there is one."""

    leaf: Expr
    applied: AffineMap
    clamped: Expr | None = None
    written: Origin | None = None


class Flow:
    """The latents of one evaluation."""

    def __init__(self, evaluation: Evaluation, graph: Graph) -> None:
        self.encoded: list[Encoded] = []
        self.decoded: list[Decoded] = []
        self.encodings: list[Encoding] = []
        self.pixel_maps: list[tuple[Where, Fact[str | None]]] = []
        self.decodes: dict[int, Expr] = {}
        self.encodes: dict[int, tuple[Expr, Owner]] = {}
        # Latents just behind a multiplication, whatever becomes of them.
        self.multiplied: list[Encoded] = []
        # Latents that are written to a file, with the map that they went through before.
        self.stored: list[Encoded] = []
        # What takes a latent, and is no step on its way; and that by which a model is trained on one.
        self.uses: list[tuple[Expr, Latent]] = []
        self.noised = set[int]()
        self.halves = Halves(evaluation.subject)
        self.places = Places(evaluation)
        self.pictures = Pictures(self.places)
        self._evaluation = evaluation
        self._latents: dict[int, Latent] = {}
        # Latents times what no latent is scaled by.
        self._weighted: dict[int, Latent] = {}
        self._chains: dict[int, list[Chain]] = {}
        self._own = own_encodes(evaluation)
        self._mapped: list[Expr] = []
        # The calls of `encode` that may be given pictures in [0, 1].
        self._maybe_unit: set[int] = set()
        for node in graph.nodes:
            self._look(node)
        for node in self._mapped:
            if not is_looked_at(node, graph, self.decodes.values()):
                name = _PIXEL_MAPS[self._latents[node.uid].applied]
                self.pixel_maps.append((self.places.of(node), Fact(name, origin(node))))
        self._look_at_edges()

    # --------------------------------------------------------------------------------- forwards, from `encode`

    def _look(self, node: Expr) -> None:
        self.halves.look(node, self._latents)
        own = self._own.get(node.uid)
        if own is not None and node.uid not in self._latents and is_drawn(node):
            call, whose, caller = own
            self.places.put(call, caller)
            self._latents[node.uid] = Latent(whose, call, IDENTITY, True, call)
            return
        if node.op == "call" and len(node.args) > 1:
            name = node.get("name")
            encoding = node if name in ENCODES else parts.encoding(node)
            if encoding is not None:
                owner = self._named(node.args[0], node)
                if owner is not None:
                    self.places.stand_for(encoding, node)
                    self._latents[node.uid] = Latent(owner, encoding, IDENTITY, name in _DRAWN_ALREADY, node)
                    self.encodes[node.uid] = encoding, owner
                    self._note_pictures(node, encoding.args[1], owner)
                    return
            elif name in DECODES or parts.is_decoding(node):
                owner = self._named(node.args[0], node)
                if owner is not None:
                    self._decode(node, owner)
                    return
        elif node.op == "opaque" and str(node.get("name")).rpartition(".")[2] == _GAUSSIAN and node.args:
            moments = self._latents.get(node.args[0].uid)
            is_known = moments is not None and not moments.drawn
            of_layers = any(inner.op == "layer" or calls_another(inner) for inner in walk(node))
            self._latents[node.uid] = (
                moments if moments and is_known else Latent(Owner(""), node, IDENTITY, False, node, None, of_layers)
            )
            return
        latent = self._step(node)
        if latent is not None:
            if latent.applied in _PIXEL_MAPS and latent.at is node and not self._is_inside_a_model(node, latent):
                self._mapped.append(node)
            self._latents[node.uid] = latent
            if node.op in ("mul", "div") and latent.drawn:
                self.multiplied.append(self._ended(latent, Use.OPEN, node))
            return
        for place, arg in enumerate(node.args):
            weighted = self._weighted.get(arg.uid)
            known = self._latents.get(arg.uid) or weighted
            if known is not None and known.drawn:
                self._used(node, place, known, weighted is not None)
        self.pictures.follow(node, self._comes_back)

    def _named(self, value: Expr, call: Expr) -> Owner | None:
        """The VAE that a value is, by the name it goes by where it has no other; None for one that a test tries."""
        owner = owner_of(value)
        if call.site is not None and is_of_a_test(call.site.source, call.site.node):
            return None
        if owner is not None and owner.name:
            return owner
        names = self._evaluation.observations.names.get(value.uid) or [""]
        if owner is not None:
            return replace(owner, name=names[0].lower())
        # What a function makes that is not read is a VAE where the code calls it one, at first or later.
        name = next(filter(is_named, names), "")
        return Owner(name.lower()) if name and is_made_elsewhere(value) else None

    def _step(self, node: Expr) -> Latent | None:
        """What a node makes of the latent that one of its arguments is; None where it is an end of the way."""
        place, inner = next(
            (
                (place, known)
                for place, arg in enumerate(node.args)
                if (known := self._latents.get(arg.uid)) is not None
            ),
            (0, None),
        )
        if inner is None:
            return None
        if node.op == "add" and spreads(node.args[1 - place], self._is_posterior):
            # The mean and a deviation times noise, written out.
            return replace(inner, drawn=True, at=node)
        if not inner.drawn:
            asked = _asked(node, inner)
            if asked is not None or node.op not in LINEAR:
                return asked
            # What is scaled is a tensor: this VAE gives a latent itself.
            inner = replace(inner, drawn=True)
        if node.op == "phi":
            both = [self._latents.get(arg.uid) for arg in node.args[1:]]
            # A latent that is read from a file in the other branch changes nothing of the way of one that is encoded.
            is_encoded = inner.call.get("name") in ENCODES
            cached = [is_encoded and strip(arg).op in _KEPT for arg in node.args[1:]]
            if all(one.applied == inner.applied if one else kept for one, kept in zip(both, cached, strict=True)):
                return inner
            # Which of them goes on is not known: what comes back may undo either.
            self.encoded += [self._ended(each, Use.OPEN, node) for each in both if each is not None]
            return None
        if (moves(node) or node.op == "item" or node.get("name") in _HOLDING) and place == 0:
            return inner
        applied = affine(node, place, inner.applied)
        if applied is None:
            return None
        others = [arg for other, arg in enumerate(node.args) if other != place]
        written = next((found for arg in others if (found := written_elsewhere(arg, node))), None)
        return replace(inner, applied=applied, at=node, written=written or inner.written)

    def _is_posterior(self, node: Expr) -> bool:
        """Whether a node is a posterior, or what it says of its variance: no latent yet."""
        known = self._latents.get(node.uid)
        return known is not None and not known.drawn

    def _is_inside_a_model(self, node: Expr, latent: Latent) -> bool:
        """Whether an operation is one that another model does to what it is given, which it was trained with."""
        where = self.places.of(node)
        return where.function == "forward" and where != self.places.of(latent.call)

    def _used(self, node: Expr, place: int, latent: Latent, is_weighted: bool) -> None:
        """Take note of a latent that noise is added to, or that a model is trained on."""
        name = str(node.get("name"))
        self.uses.append((node, latent))
        if is_noising(node):
            # A method that is called, and one of a class whose base is not read, which is not handed its own object.
            if place == (node.op == "call"):
                self._end(latent, Use.TRAINED, node, is_diffused=True)
        elif called_name(node) in _SAVES:
            self.stored.append(self._ended(latent, Use.OPEN, node))
        elif node.op in ("call", "opaque") and _TRAINING.search(name):
            self._end(latent, Use.TRAINED, node)
        elif node.op == "mul":
            # Times a number of the schedule: what it is added to tells the rest.
            if not is_plain(node.args[1 - place]):
                self._weighted[node.uid] = latent
        elif node.op == "cat":
            if self._completes(node, place):
                self._end(latent, Use.TRAINED, node, is_diffused=True)
        elif node.op in ("add", "sub") and is_noise(node.args[1 - place]):
            mixed = self._unmixed(latent, node.args[1 - place])
            self._end(mixed or latent, Use.TRAINED, node, is_diffused=is_weighted or mixed is not None)

    def _completes(self, node: Expr, place: int) -> bool:
        """Whether a latent is that of a masked picture: put behind a noisy one and a mask, as models fill in pictures.

        A condition without a mask is given as `encode` gives it where its author wants that.
        """
        names = self._evaluation.observations.names
        noisy, *others = node.args
        masks = [arg for arg in others if any("mask" in name for name in names.get(arg.uid, ()))]
        return place > 0 and len(others) > 1 and bool(noisy.bits & NOISE) and bool(masks)

    def _unmixed(self, latent: Latent, noise: Expr) -> Latent | None:
        """The latent that noise is mixed with, where the last factors of both are two weights of a mixture.

        Of such weights the sum is 1, or the sum of their squares; as the mixture changes in time they are opposite.
        """
        weight, other = number_by(latent.at), number_by(bare := strip(noise))
        if other is None and bare.op != "mul":
            other = 1.0
        if weight is None or other is None:
            return None
        totals = (weight + other, math.hypot(weight, other), -weight / other if other else 0.0)
        if not any(math.isclose(total, 1.0, rel_tol=1e-3) for total in totals):
            return None
        return next((inner for arg in latent.at.args if (inner := self._latents.get(arg.uid)) is not None), None)

    def _end(self, latent: Latent, use: Use, node: Expr, is_diffused: bool = False) -> None:
        self.encoded.append(replace(self._ended(latent, use, node), is_diffused=is_diffused))
        self.noised.add(node.uid)

    def _ended(self, latent: Latent, use: Use, node: Expr) -> Encoded:
        where = self.places.of(node)
        at = origin(latent.at)
        return Encoded(
            latent.owner,
            origin(latent.call),
            latent.applied,
            use,
            at,
            where,
            latent.written,
            called_in=self.places.of(latent.call),
            of_layers=latent.of_layers,
        )

    def _look_at_edges(self) -> None:
        """What is returned, and the sums of a scaled latent with noise."""
        for root in self._evaluation.observations.roots:
            if root.kind != "return":
                continue
            values = (root.value,) if isinstance(root.value, Expr) else expressions(root.value, set())
            for value in values:
                for chain in self.chains(value):
                    latent = self._latents.get(chain.leaf.uid)
                    if latent is not None and latent.drawn:
                        applied = affine_maps.after(chain.applied, latent.applied)
                        at = value if not chain.applied.is_identity else latent.at
                        where = self.places.of_root(root)
                        call, of_layers = origin(latent.call), latent.of_layers
                        ended = Encoded(latent.owner, call, applied, Use.RETURNED, origin(at), where)
                        self.encoded.append(replace(ended, of_layers=of_layers))

    def _note_pictures(self, node: Expr, given: Expr, owner: Owner) -> None:
        """Take note of where the pictures lie that a call of `encode` is given."""
        while moves(given):
            given = given.args[0]
        # What an adapter of the VAE was trained on is its author's choice.
        is_adapted = any(module.read_once(_is_adapted) for module in self._evaluation.modules())
        interval = None if is_adapted else interval_of(given)
        if interval is None and not is_adapted and known(owner.model) is not None:
            interval = self._mapped_to(given)
        source = next((each for each in walk(given) if each.op == "data"), given)
        pixels = None if interval is None or not interval.bounded else Fact(interval, origin(source))
        self.encodings.append(Encoding(owner, origin(node), pixels, self.places.of(node)))
        is_shifted = any(chain.applied.shift for chain in self.chains(given))
        if (interval is None and not is_shifted) or (interval is not None and interval.low >= 0):
            self._maybe_unit.add(node.uid)

    def _mapped_to(self, given: Expr) -> Interval | None:
        """Where pictures lie that are not known, by the map that they go through: nobody maps others by x / 2 + 0.5.

        Nor are others than bytes divided by 255. Whoever does that for a VAE of their own may have trained it so.
        """
        chains = self.chains(given)
        is_mapped = all(chain.applied in _UNIT_MAPS and chain.clamped is None for chain in chains)
        return Interval(0.0, 1.0) if chains and is_mapped else None

    def _comes_back(self, decode: Expr) -> bool:
        """Whether what is decoded is made of pictures that were encoded here and may be in [0, 1], and is no sample."""
        if not any(node.uid in self._maybe_unit for node in walk(decode.args[1])):
            return False
        return all(use_of(chain.leaf) is not Use.GENERATED for chain in self.chains(decode.args[1]))

    # -------------------------------------------------------------------------------- backwards, from `decode`

    def _decode(self, node: Expr, owner: Owner) -> None:
        self.pictures.note(node, owner)
        self.decodes[node.uid] = node
        self.decoded += self.ends_before(node, owner)

    def ends_before(self, node: Expr, owner: Owner, *, is_own: bool = False) -> Iterator[Decoded]:
        """What is done to the latent that a call of `decode` is given, one end for each way to it.

        A VAE that is loaded has no layers in the code: what these make is the posterior of another model.
        """
        where, call = self.places.of(node), origin(node)
        chains, loop, modules = self.chains(node.args[1]), sampling_loop(node), self._evaluation.modules()
        looped = None if loop is None else clipping_loop(loop, modules)
        free = {chain.leaf.uid for chain in chains if chain.clamped is None}
        confined = {chain.leaf.uid for chain in chains if chain.clamped is not None}
        for chain in chains:
            is_asked = chain.leaf.uid in free & confined
            if is_asked and chain.clamped is not None:
                continue
            clamped = None if chain.clamped is None else _confined(chain.clamped)
            latent = self._latents.get(chain.leaf.uid)
            end = Decoded(owner, call, node.uid, chain.applied, Use.RETURNED, where, None, clamped, is_asked)
            end = replace(end, written=chain.written)
            # What is decoded is a tensor: a VAE whose `encode` is asked for nothing gives the latent itself.
            if latent is not None and (latent.drawn or chain.leaf is latent.call) and (is_own or not latent.of_layers):
                applied = affine_maps.after(chain.applied, latent.applied)
                yield replace(end, applied=applied, encoded=origin(latent.call), is_asked_for=latent.is_asked_for)
            else:
                clips, use = clipping(chain.leaf, modules) or looped, use_of(chain.leaf)
                use = Use.GENERATED if loop is not None and use is Use.GIVEN else use
                predicted = clamped_prediction(chain.leaf) if use is Use.GENERATED else None
                confined_at = _confined(predicted) if clamped is None and predicted is not None else clamped
                yield replace(end, use=use, clipping=clips, clamped=confined_at, is_read=is_read(chain.leaf, modules))

    def stands_in(self, call: Expr, function: Function | None) -> None:
        """Take note of the code in which a call of a VAE of the project stands."""
        self.places.put(call, function)

    def latent_of(self, value: Expr) -> Latent | None:
        """The posterior, or the latent that was taken from one, that a value is."""
        return self._latents.get(value.uid)

    def chains(self, value: Expr) -> list[Chain]:
        """A value as affine maps of what it is made of, one for each way through the branches on the way."""
        if value.uid not in self._chains:
            self._chains[value.uid] = list(self._search(value))
        return self._chains[value.uid]

    def _search(self, value: Expr) -> Iterator[Chain]:
        stack: list[tuple[Chain, int]] = [(Chain(value, IDENTITY), 0)]
        found, seen = 0, set[Chain]()
        while stack and found < _MAX_LEAVES:
            chain, depth = stack.pop()
            if chain in seen:
                # Where branches meet again one way stands for all: what else there is counts.
                continue
            seen.add(chain)
            node = chain.leaf
            known = self._latents.get(node.uid)
            is_latent = known is not None and known.drawn and known.applied.is_identity and node.op != "phi"
            if is_latent or depth > _MAX_CHAIN:
                found += 1
                yield chain
                continue
            ways = ways_on(node)
            if ways:
                stack.extend((replace(chain, leaf=each), depth + 1) for each in reversed(ways))
                continue
            if moves(node):
                stack.append((replace(chain, leaf=node.args[0]), depth + 1))
                continue
            if (is_noising(node) and len(node.args) > 1) or parts.is_before_a_decoder(node):
                # What is noised again is on the scale that it had.
                stack.append((replace(chain, leaf=node.args[node.op == "call"]), depth + 1))
                continue
            if node.op == "clamp":
                stack.append((replace(chain, leaf=node.args[0], clamped=chain.clamped or node), depth + 1))
                continue
            inner = inside(node)
            if inner is None:
                found += 1
                yield chain
            else:
                below, applied = inner
                other = next(
                    (written for arg in node.args if arg is not below and (written := written_elsewhere(arg, node))),
                    None,
                )
                whole = affine_maps.after(chain.applied, applied)
                stack.append((Chain(below, whole, chain.clamped, chain.written or other), depth + 1))


def _asked(node: Expr, posterior: Latent) -> Latent | None:
    """What a posterior is asked for: itself in another wrapping, or a latent."""
    name = str(node.get("name"))
    if node.op == "draw" or (node.op in ("call", "attribute") and name in _DRAWS):
        return replace(posterior, drawn=True, at=node, is_asked_for=True)
    if node.op == "opaque" and name.removeprefix("attribute:") in _DRAWS:
        return replace(posterior, drawn=True, at=node, is_asked_for=True)
    if node.op in ("attribute", "item") or name.removeprefix("attribute:") in _HOLDS or node.op in TRANSPARENT:
        return replace(posterior, at=node)
    if node.op == "part" and node.get("of") == 2 and node.get("index") == 0:
        # Of two halves of the parameters the first is the mean.
        return replace(posterior, drawn=True, at=node, is_asked_for=True)
    return posterior if node.op in ("phi", "stack", "cat") else None


def _is_adapted(module: Module) -> bool:
    """Whether a file adds an adapter to a VAE, or puts a pass of its own in the place of an encoder's."""
    return any(_ADAPTED.search(cell.text) is not None for cell in module.file.cells)


def _confined(clamp: Expr) -> Fact[Interval] | None:
    """Where a clamp leaves what it is applied to; None where its ends are not numbers."""
    ends = interval_of(clamp)
    return None if ends is None or not ends.bounded else Fact(ends, origin(clamp))
