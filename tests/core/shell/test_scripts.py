"""What scripts say, and how they end. Every expected text was had from busybox or dash."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.core.shell.running import run, sh

SCRIPTS = [
    "echo hello world",
    "echo a; echo b && echo c || echo d",
    "false || echo no; true && echo yes; ! true; echo $?",
    'x=1; y="$x 2"; echo $y \'$x\' "\\$x" \\$x',
    "x='a  b'; echo $x; echo \"$x\"",
    "for i in 1 2 '3 4'; do echo \"<$i>\"; done",
    "i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done",
    "i=5; until [ $i -eq 3 ]; do i=$((i-1)); echo $i; done",
    "if [ 1 -gt 2 ]; then echo a; elif test -n x; then echo b; else echo c; fi",
    "case foo.txt in *.md) echo md;; *.txt|*.log) echo text;; *) echo other;; esac",
    'f() { echo "$1-$#"; return 3; }; f a b; echo $?',
    "echo $(echo inner $(echo deep)) `echo old`",
    "echo ${x:-default} ${x:=set} $x ${x:+yes} ${#x}",
    "p=/a/b/c.tar.gz; echo ${p##*/} ${p%%.*} ${p%.*} ${p#*/}",
    "echo $((1 + 2 * 3)) $(( (7 % 4) << 2 )) $((10 / 3)) $((-7 / 2)) $((5 > 3 && 0))",
    "echo one two | tr a-z A-Z | wc -w",
    "printf '%s-%03d\\n' a 1 b 2",
    "cat <<EOF\nx $((1+1))\nEOF\necho after",
    "cat <<'EOF'\n$x\nEOF",
    "echo err >&2; echo out",
    "(exit 3); echo $?; { echo a; echo b; } | cat",
    'set -- x y z; echo $# $2; shift; echo $1 "$@"',
    'for w in "$@"; do echo $w; done; echo none',
    "set -e; echo a; false; echo b",
    "set -e; if false; then echo no; fi; false || true; echo still",
    "x=1; (x=2; echo $x); echo $x",
    "echo a b c | while read one rest; do echo $one:$rest; done",
    "for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done",
    "trap 'echo bye' EXIT; echo hi",
    "x=$(printf 'a\\nb\\n'); echo \"$x\"; echo $x",
    "eval 'y=5'; echo $y; unset y; echo ${y-unset}",
    "seq 3 | sort -r | head -n 2; seq 5 | tail -n 2",
    "printf 'b\\na\\nb\\n' | sort | uniq -c | awk '{print $2\"=\"$1}'",
    "echo 'hello world' | sed 's/o/0/g; s/w/W/'",
    "printf 'a:b:c\\n' | cut -d: -f2,3",
    "printf 'x\\ny\\nx\\n' | grep -c x; printf 'abc\\n' | grep -o b; grep -q z /dev/null; echo $?",
    "test -d / && echo dir; [ -f /nonexistent ]; echo $?",
    "exec echo replaced; echo never",
    "IFS=,; x=a,b; for i in $x; do echo $i; done",
    'echo "a\\tb" | od >/dev/null 2>&1; echo x',
    "a=1 b=2; echo $a$b; a=3 sh -c 'echo $a'; echo $a",
    "exit 7",
    "nosuchcommand_kelm; echo $?",
    'echo "nested \\"quotes\\" $(echo "in $(echo "deep")")"',
    "i=0; while true; do i=$((i+1)); if [ $i -ge 3 ]; then break; fi; done; echo $i",
    "echo {a,b} a=b # comment",
    "true & wait; echo done",
    '[ "a" = "a" -a 1 -lt 2 ] && echo both; [ ! -e /x ] && echo none',
    "x=abc; case $x in [a-c]*) echo range;; esac",
    "f() { local v=2; echo $v; }; v=1; f",
    "echo $0 $#",
    "echo 1 2 3 | { read a b; echo $b $a; }",
    "printf '%d %x %s|%5s|%-5s|\\n' 10 255 s ab cd",
    "seq 1 3 | xargs -n1 echo item",
    "echo abc | sed -n 's/b/X/p'; printf '1\\n2\\n3\\n' | sed '2d'; seq 9 | sed -n '2,3p'",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_does_what_a_real_shell_does(script: str) -> None:
    real = shutil.which("dash") or shutil.which("sh")
    if real is None:
        pytest.skip("no shell to compare with")
    done = subprocess.run([real, "-c", script, "sh"], capture_output=True, timeout=20, cwd="/")
    ours = sh(script)
    assert (ours.text, ours.code) == (done.stdout.decode(), done.returncode)


def test_files_are_written_read_appended_and_removed() -> None:
    script = """
    mkdir -p /data/sub; echo one > /data/a; echo two >> /data/a
    cat /data/a; ls /data; cp /data/a /data/sub/b; mv /data/a /data/c
    ls -R /data; rm -r /data/sub; ls /data; rm /data/none
    """
    ran = sh(script)
    assert ran.text.split() == (
        "one two a sub /data: c sub /data/sub: b c".split()  # noqa: SIM905
    )
    assert ran.err == b"rm: can't remove '/data/none': No such file or directory\n"


def test_what_a_redirection_cannot_open_fails_the_command_alone() -> None:
    ran = sh("echo x > /no/such/file; echo $?; cat < /missing; echo $?")
    assert ran.text == "1\n1\n"
    assert b"can't create /no/such/file: No such file or directory" in ran.err
    assert b"can't open /missing" in ran.err


def test_sleep_takes_time_and_date_knows_it() -> None:
    ran = sh("date +%s; sleep 90; date +%s; sleep 0.5")
    assert ran.text == "0\n90\n" and ran.took_ms == 90_500


def test_a_pipe_takes_only_what_it_wants() -> None:
    assert sh("yes | head -n 3").text == "y\ny\ny\n"
    assert sh("while true; do echo x; done | head -n 2").text == "x\nx\n"


def test_a_shell_reads_its_script_from_its_input() -> None:
    script = b"echo a\nif true\nthen\necho b\nfi\nexit 3\necho never\n"
    ran = run("sh", stdin=tuple(script[at : at + 5] for at in range(0, len(script), 5)))
    assert (ran.text, ran.code) == ("a\nb\n", 3)


def test_what_a_shell_has_not_read_is_there_for_its_programs() -> None:
    ran = run("sh", stdin=(b"read x\nvalue\ncat\nthe rest\n",))
    assert ran.text == "the rest\n"
    assert sh("read a; echo $a; cat", stdin=b"1\n2\n3").text == "1\n2\n3"


def test_chmod_and_a_script_that_is_a_file() -> None:
    script = "printf '#!/bin/sh\\necho ran $1\\n' > /tmp/s; /tmp/s a; chmod +x /tmp/s; /tmp/s b"
    ran = sh(script)
    assert ran.text == "ran b\n" and b"/tmp/s: Permission denied" in ran.err


def test_what_recurses_for_ever_ends() -> None:
    assert sh("f() { f; }; f").code == 2
