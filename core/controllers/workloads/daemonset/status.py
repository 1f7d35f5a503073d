"""A DaemonSet's status: on how many nodes it runs, should run, and should not but does.

Source: kubernetes v1.36, pkg/controller/daemon/daemon_controller.go (updateDaemonSetStatus).
"""

from __future__ import annotations

from kelm.core.controllers.workloads.daemonset.scene import Scene, eldest_first
from kelm.core.objects.daemon_set import DaemonSetStatus


def count(scene: Scene, collisions: int | None) -> DaemonSetStatus:
    """The status; of several pods on a node the eldest counts."""
    current = ready = updated = available = astray = 0
    for node, fit in scene.fits.items():
        pods = scene.pods_on(node)
        if not fit.run:
            astray += bool(pods)
            continue
        if not pods:
            continue
        pod = pods[0] if len(pods) == 1 else eldest_first(pods)[0]
        current += 1
        ready += pod.ready
        available += scene.available(pod)
        updated += scene.is_new(pod)
    desired = scene.desired
    return DaemonSetStatus(
        current_number_scheduled=current,
        number_misscheduled=astray,
        desired_number_scheduled=desired,
        number_ready=ready,
        observed_generation=scene.one.metadata.generation,
        updated_number_scheduled=updated,
        number_available=available,
        number_unavailable=desired - available,
        collision_count=collisions,
    )
