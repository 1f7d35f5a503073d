"""Single programs of the simulated system."""

from __future__ import annotations

import io
import itertools
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.node.files.entries import Directory, File, Link
from kelm.core.node.programs.http import Unreachable, text_response
from kelm.core.node.shell.testing import bare_inside
from kelm.core.node.shell.tools.archive import Member, pack, unpack
from tests.core.shell.running import run, sh

EVERY_BYTE = bytes(range(256))
long_ones = st.integers(1, 9_000).map(lambda size: (EVERY_BYTE * 36)[:size])
chunks = st.lists(st.binary(min_size=1, max_size=40) | long_ones, max_size=8).map(tuple)


@given(chunks)
def test_any_bytes_come_back_from_cat_unchanged(given: tuple[bytes, ...]) -> None:
    ran = run("cat", stdin=given)
    assert (ran.out, ran.code) == (b"".join(given), 0)


@given(chunks)
def test_any_bytes_survive_a_file_a_pipe_and_an_archive(given: tuple[bytes, ...]) -> None:
    script = "tee /tmp/x | cat > /tmp/y; tar cf - -C / tmp/y | tar xf - -C /etc; cat /etc/tmp/y"
    assert run("sh", "-c", script, stdin=given).out == b"".join(given)


@given(st.integers(1, 30))
def test_a_line_that_was_read_is_gone_and_the_rest_is_still_there(cut: int) -> None:
    said = b"first line\nsecond\nthird\n"
    ran = run("sh", "-c", "read x; cat; echo [$x]", stdin=(said[:cut], said[cut:]))
    assert ran.out == b"second\nthird\n[first line]\n"
    piped = run("sh", "-c", "cat | { read x; cat; echo [$x]; }", stdin=(said[:cut], said[cut:]))
    assert piped.out == ran.out


names = st.text("abc._- é", min_size=1, max_size=130).filter(lambda name: name.strip(". "))
members = st.dictionaries(
    names,
    st.one_of(
        st.binary(max_size=1_100).map(lambda data: File(data, 0o640, 5, 6, 7_000)),
        st.just(Directory(0o700)),
        st.just(Link("abc")),
    ),
    max_size=6,
)


@given(members)
def test_archives_are_read_by_everybody_and_everybodys_are_read(
    entries: dict[str, File | Directory | Link],
) -> None:
    packed = pack([Member(name, entry) for name, entry in entries.items()])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        listed = archive.getmembers()
        assert [one.name for one in listed] == [name.rstrip("/") for name in entries]
        out = io.BytesIO()
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=form) as again:
                for one in listed:
                    again.addfile(one, archive.extractfile(one) if one.isreg() else None)
            found = {member.name.rstrip("/"): member.entry for member in unpack(out.getvalue())}
            assert found == {name.rstrip("/"): entry for name, entry in entries.items()}


@given(st.binary(max_size=2_000))
def test_what_is_no_archive_harms_nobody(data: bytes) -> None:
    assert len(list(unpack(data))) <= len(data)


def test_curl_says_what_a_program_says_and_how_it_failed() -> None:
    good = run("curl", "-s", "http://web:80/a?b=c", web=text_response("hi"))
    assert (good.text, good.code) == ("hi", 0)
    lost = run(
        "curl", "-q", "-s", "--connect-timeout", "2", "http://web", web=Unreachable("timeout")
    )
    assert (lost.code, lost.took_ms) == (28, 2_000)
    assert run("curl", "http://web:1", web=Unreachable("refused")).code == 7
    nobody = run("curl", "http://web", web=Unreachable("name"))
    assert nobody.err == b"curl: (6) Could not resolve host: web\n"
    assert run("curl", "-f", "http://web", web=text_response("no", 404)).code == 22
    code = run("curl", "-o", "/dev/null", "-w", "%{http_code}", "web", web=text_response("x", 204))
    assert code.text == "204"


def test_wget_and_nc_and_names() -> None:
    assert run("wget", "-qO-", "http://web", web=text_response("hi")).text == "hi"
    refused = run("wget", "-T", "3", "-O", "-", "web:81", web=Unreachable("refused"))
    assert b"can't connect to remote host (web): Connection refused" in refused.err
    assert run("nc", "-vz", "-w", "2", "web", "80", web=text_response("")).code == 0
    assert run("nc", "-z", "web", "80", web=Unreachable("refused")).code == 1
    udp = run("nc", "-w", "1", "-u", "web", "81", stdin=(b"hostname",), web=text_response("one"))
    assert udp.text == "one"
    assert "Address: 10.0.0.1" in run("nslookup", "web", web=("10.0.0.1",)).text
    assert run("nslookup", "none").code == 1
    assert run("getent", "hosts", "web", web=("10.0.0.1",)).text.split() == ["10.0.0.1", "web"]


def test_whose_files_they_are_decides_who_may_read_them() -> None:
    inside = bare_inside()
    inside.disk.put("/tmp/secret", File(b"x", 0o600, 0, 0))
    inside.disk.user, inside.disk.groups = 1000, (1000,)
    assert run("cat", "/tmp/secret", inside=inside).err == (
        b"cat: can't open '/tmp/secret': Permission denied\n"
    )
    assert sh(
        "echo x > /tmp/mine; stat -c '%u %a' /tmp/mine; touch /etc/x", inside=inside
    ).text == ("1000 644\n")


def test_env_and_id_and_hostname_tell_of_the_container() -> None:
    assert run("hostname").text == "bare\n"
    assert run("id", "-u").text == "0\n"
    assert "A=1" in run("env", "A=1", "env").text.split("\n")
    assert run("env", "-i", "A=1", "sh", "-c", "echo $A").text == "1\n"
    assert run("timeout", "2", "sleep", "10")[2:] == (143, 2_000)


@pytest.mark.parametrize(
    ("script", "said", "code"),
    [
        ("expr 7 % 2", "1\n", 0),
        ("expr 2 '*' '(' 3 + 4 ')'", "14\n", 0),
        ("expr -7 / 2; expr -7 % 2", "-3\n-1\n", 0),
        ("expr 3 - 3", "0\n", 1),
        ("expr '' '|' b", "b\n", 0),
        ("expr 10 '>' 9; expr a10 '>' a9", "1\n0\n", 1),
        ("expr abcd : 'a\\(.*\\)d'; expr abcd : ab", "bc\n2\n", 0),
        ("expr length abc; expr substr hello 2 3; expr index abc c", "3\nell\n3\n", 0),
        ("expr a + 1", "", 2),
        ("expr 1 / 0", "", 2),
        ("expr 1 +", "", 2),
        ("expr 1 2", "", 2),
        ("expr a : '\\('", "", 2),
    ],
)
def test_expr_works_out_words(script: str, said: str, code: int) -> None:
    ran = sh(script)
    assert (ran.text, ran.code) == (said, code)


@given(st.binary(max_size=200), st.sampled_from(["hexdump -C", "hexdump"]))
def test_a_dump_says_all_bytes(data: bytes, command: str) -> None:
    lines = run("sh", "-c", command, stdin=(data,) if data else ()).out.decode().splitlines()
    said, last = b"", b""
    for line, after in itertools.pairwise(lines):
        offset = int(after.split()[0], 16) if after != "*" else len(said) + 16
        if line == "*":
            said += last * ((offset - len(said)) // 16)
            continue
        words = line.partition("  |")[0].split()[1:]
        last = b"".join(bytes.fromhex(word)[::-1] for word in words)[: offset - len(said)]
        said += last
    assert said == data
    assert not data or int(lines[-1], 16) == len(data)


def test_a_dump_refuses_what_it_does_not_know() -> None:
    ran = run("hexdump", "-x")
    assert (ran.code, ran.err) == (1, b"hexdump: invalid option -- 'x'\n")
    assert run("hexdump", "-C", "/none").code == 1
