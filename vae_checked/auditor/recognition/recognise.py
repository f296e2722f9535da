"""`recognise()`: records one pass, and finds its latents, the roles of its outputs, its loss and its reconstruction."""

from __future__ import annotations

from vae_checked.adapters import Inputs, Role, Subject
from vae_checked.adapters.latent_dist import Sampled
from vae_checked.auditor.losses.loss import Loss, run_by
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.join import Join, find_join
from vae_checked.auditor.recognition.latents import latents_of
from vae_checked.auditor.recognition.minimised import find_minimised, minimised_by
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.roles import roles_of
from vae_checked.auditor.recognition.samples import find_samples
from vae_checked.auditor.recording.run import Run, run_model
from vae_checked.auditor.restoring.restored import Generators
from vae_checked.errors import ModelError


def recognise(
    subject: Subject, inputs: Inputs, loss: Loss | None, *, training: bool, generators: Generators | None = None
) -> Recognition:
    """Run and recognise; ModelError for what cannot be run, holds no tensor, or nothing of a VAE in training."""
    runs_itself = loss is not None and loss.runs(subject.model)
    if loss is not None and runs_itself:
        subject = run_by(loss, subject)
    modules = () if loss is None else loss.modules
    run = run_model(subject, inputs, training=training, others=modules, generators=generators)
    if not run.parts:
        kind = "nothing" if run.output is None else f"a {type(run.output).__name__}"
        raise ModelError(
            f"the forward of {type(subject.model).__name__} returned {kind}, which holds no tensor: "
            "give adapter= or a model whose forward returns its reconstruction"
        )
    recognition = _recognised(run, loss, runs_itself)
    if training:
        _refuse_unrecognisable(recognition)
    return recognition


def _recognised(run: Run, loss: Loss | None, runs_itself: bool) -> Recognition:
    graph = Graph(run.tape)
    outputs = [number for part in run.parts if (number := run.number(part)) is not None]
    samples, others = find_samples(graph)
    latents = latents_of(graph, samples, outputs, None)
    roles = roles_of(run, graph, latents)
    if loss is not None and runs_itself:
        found = minimised_by(run, roles, latents, loss)
    else:
        found = find_minimised(run, roles, latents, loss)
    # The loss says which values it judges, and its steps are on the tape by now.
    roles = {**roles, **found.roles}
    total = found.loss.number
    ends = [part.tensor for part in run.parts] if found.loss.tensor is None else [found.loss.tensor]
    run.tape.note_lines(map(run.recorder.number, ends))
    latents = latents_of(graph, samples, outputs, total)
    part = next((part for part in run.parts if roles.get(part.path) is Role.RECONSTRUCTION), None)
    x_hat = None if part is None else run.number(part)
    join = None
    if total is not None and not found.loss.kl_alone:
        join = find_join(run, graph, latents, x_hat, total)
    if join is not None and not (part is not None and part.role is Role.RECONSTRUCTION):
        roles, x_hat = _as_judged(run, graph, join, roles, x_hat)
    unread = (run.output.unread,) if isinstance(run.output, Sampled) and run.output.unread else ()
    return Recognition(
        run,
        graph,
        tuple(latents),
        roles,
        found.loss,
        x_hat,
        part is not None and part.role is Role.RECONSTRUCTION,
        join,
        found.recognised,
        (*others, *unread, *found.unobserved),
    )


def _as_judged(
    run: Run, graph: Graph, join: Join, roles: dict[str, Role], x_hat: int | None
) -> tuple[dict[str, Role], int | None]:
    """The roles and the reconstruction that no name declares, as the loss has them: what it compares with the data.

    A part of the output that is no stage of what the loss compares was taken for it by its size alone.
    """
    past, _ = graph.elementwise_past(join.argument, graph.follows(join.argument))
    numbers = {part.path: run.number(part) for part in run.parts}
    own = None if x_hat is None else graph.elementwise_past(x_hat, graph.follows(x_hat))[0]
    if own is not None and own & past:
        return roles, x_hat
    judged = [path for path, number in numbers.items() if number in past and path not in roles]
    if judged:
        others: dict[str, Role] = {path: role for path, role in roles.items() if role is not Role.RECONSTRUCTION}
        others[judged[-1]] = Role.RECONSTRUCTION
        return others, numbers[judged[-1]]
    return roles, join.prediction if x_hat is None else x_hat


def _refuse_unrecognisable(seen: Recognition) -> None:
    """ModelError for an output in which there is nothing of a VAE: no latent, no heads, nothing of the data's size."""
    if seen.latents or seen.join is not None or {Role.MU, Role.SECOND} & set(seen.roles.values()):
        return
    if any(part.tensor.numel() == seen.run.x.numel() for part in seen.run.parts):
        return
    shapes = ", ".join(f"{part.path} {tuple(part.tensor.shape)}" for part in seen.run.parts)
    raise ModelError(
        f"nothing of a VAE was recognised in what the forward of {type(seen.run.model).__name__} returned ({shapes}): "
        "no noise makes a z, and nothing has the size of the data; give adapter=, or loss= with what it needs"
    )
