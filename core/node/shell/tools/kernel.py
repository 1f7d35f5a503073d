"""Programs that ask the kernel: `sysctl` for its parameters, `ip` for the network's devices.

A device that somebody made is a folder of /sys/class/net, where the kernel shows it too.

Source: the manuals of busybox sysctl and ip, sysfs(5), capabilities(7).
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.files.entries import READ_ONLY, Directory, File, Trouble
from kelm.core.node.files.kernel_files import PARAMETERS, parameter_path
from kelm.core.node.programs.process import STDERR, STDOUT, Process, Say
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import answer, complain, options

DEVICES: Final = "/sys/class/net"
DENIED: Final = "RTNETLINK answers: Operation not permitted"
KINDS: Final = ("dummy", "bridge", "ifb", "veth", "vcan")
REFUSED: Final = 2


def _sysctl(shell: Shell, words: Words) -> Process:
    """Tell parameters; what would set one is refused: they are mounted to be read."""
    given, names = options(words)
    disk, code = shell.inside.disk, 0
    if "a" in given:
        files = [path for path in disk.walk(PARAMETERS.path) if isinstance(disk.entry(path), File)]
        names = tuple(path.removeprefix(f"{PARAMETERS.path}/").replace("/", ".") for path in files)
    for word in names:
        name, sets, _ = word.partition("=")
        data = disk.read(PARAMETERS.path + parameter_path(name))
        if sets and not isinstance(data, Trouble):
            data = READ_ONLY
        if isinstance(data, Trouble):
            what = f"error {'setting' if sets else 'reading'} key '{name}'"
            yield Say(STDERR, f"sysctl: {what}: {data.words}\n".encode())
            code = 1
            continue
        value = data.decode("utf-8", "replace").rstrip("\n")
        yield Say(STDOUT, f"{value if 'n' in given else f'{name} = {value}'}\n".encode())
    return code


def _devices(shell: Shell) -> tuple[str, ...]:
    made = shell.inside.disk.names(DEVICES)
    return ("lo", "eth0", *(() if isinstance(made, Trouble) else made))


def _ip(shell: Shell, words: Words) -> Process:
    _, rest = options(words)
    what, act, more = (*rest, "", "")[0], (*rest, "", "")[1], rest[2:]
    if what in ("link", "l") and act in ("add", "a"):
        return _added(shell, more)
    if what in ("link", "l") and act in ("del", "delete"):
        return _deleted(shell, more)
    if what in ("link", "l", "addr", "address", "a") and act in ("", "show", "list", "ls"):
        return answer(_listed(shell, addresses=what.startswith("a")))
    if not what:
        return answer(_listed(shell, addresses=True))
    return complain("ip", f"this one knows `link` and `addr`, not '{' '.join(rest)}'")


def _ifconfig(shell: Shell, words: Words) -> Process:
    return answer(_listed(shell, addresses=True))


def _added(shell: Shell, words: Words) -> Process:
    """`ip link add [name] NAME type KIND`."""
    rest = words[1:] if words[:1] == ("name",) else words
    if len(rest) < 3 or rest[1] != "type":
        return complain("ip", "usage: ip link add [name] NAME type KIND")
    name, kind = rest[0], rest[2]
    if not shell.inside.has_capability("NET_ADMIN"):
        return complain("ip", DENIED, REFUSED)
    if kind not in KINDS:
        return complain("ip", "RTNETLINK answers: Not supported", REFUSED)
    if name in _devices(shell):
        return complain("ip", "RTNETLINK answers: File exists", REFUSED)
    trouble = shell.inside.disk.make_directory(f"{DEVICES}/{name}", parents=True)
    return complain("ip", trouble.words, REFUSED) if trouble is not None else answer("")


def _deleted(shell: Shell, words: Words) -> Process:
    name = words[-1] if words else ""
    if name not in _devices(shell):
        return complain("ip", f"can't find device '{name}'")
    if not shell.inside.has_capability("NET_ADMIN"):
        return complain("ip", DENIED, REFUSED)
    if not isinstance(shell.inside.disk.entry(f"{DEVICES}/{name}"), Directory):
        return complain("ip", "RTNETLINK answers: Not supported", REFUSED)
    trouble = shell.inside.disk.remove(f"{DEVICES}/{name}", recursive=True)
    return complain("ip", trouble.words, REFUSED) if trouble is not None else answer("")


def _listed(shell: Shell, *, addresses: bool) -> str:
    lines = []
    known = {"lo": "127.0.0.1/8", "eth0": f"{shell.inside.pod_ip}/24"}
    for number, name in enumerate(_devices(shell), 1):
        flags = "LOOPBACK" if name == "lo" else "BROADCAST"
        flags += ",UP,LOWER_UP" if name in known else ",NOARP"
        lines.append(f"{number}: {name}: <{flags}> mtu {65_536 if name == 'lo' else 1_500}")
        if addresses and name in known:
            lines.append(f"    inet {known[name]} scope {'host' if name == 'lo' else 'global'}")
    return "".join(f"{line}\n" for line in lines)


KERNEL: Final[dict[str, Tool]] = {"sysctl": _sysctl, "ip": _ip, "ifconfig": _ifconfig}
