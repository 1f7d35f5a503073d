"""What a container's program is told when it is started."""

from __future__ import annotations

from kelm.core.node.containers.env import command_line
from kelm.core.node.containers.launch import Launch, Look
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.recipe import Recipe


def launch_of(pod: LocalPod, recipe: Recipe, run: ContainerRun, look: Look | None = None) -> Launch:
    """A container's launch; `look` shows it from within, for a program that wants to see more."""
    variables = run.variables
    command, args = recipe.command, recipe.args
    if variables:
        command, args = command_line(command, variables), command_line(args, variables)
    return Launch(
        recipe.image,
        command,
        args,
        run.restarts,
        pod.namespace,
        pod.name,
        recipe.name,
        pod.labels,
        pod.annotations,
        variables,
        recipe.reads_input,
        look,
    )
