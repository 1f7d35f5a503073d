"""Names, template hashes and revisions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.controllers.templates.dump import dump_template
from kelm.core.controllers.templates.hash import template_hash
from kelm.core.controllers.templates.revisions import (
    HASH_LABEL,
    data_text,
    equal_revisions,
    in_order,
    new_revision,
    next_revision,
    revision_data,
    revision_hash,
    revision_name,
)
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.names import (
    ALPHABET,
    fnv1_32,
    fnv1a_32,
    generated_name,
    random_suffix,
    safe_encode,
)
from kelm.effects.document import Document, document


@given(st.integers(0, 2**40), st.integers(0, 10**6))
def test_suffixes_of_neighbours_differ_and_use_the_alphabet(seed: int, counter: int) -> None:
    near = [random_suffix(seed, counter + step) for step in range(50)]
    assert len(set(near)) == 50
    assert set("".join(near)) <= set(ALPHABET)
    assert {len(suffix) for suffix in near} == {5}


def test_a_generated_name_fits_a_label() -> None:
    assert generated_name("x" * 80, "abcde") == "x" * 58 + "abcde"


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_hashes_go_on_where_they_stopped(left: bytes, right: bytes) -> None:
    assert fnv1a_32(left + right) == fnv1a_32(right, fnv1a_32(left))
    assert fnv1_32(left + right) == fnv1_32(right, fnv1_32(left))


@given(st.text(max_size=20))
def test_safe_text_has_the_same_length_and_no_vowels(text: str) -> None:
    assert len(safe_encode(text)) == len(text)
    assert set(safe_encode(text)) <= set(ALPHABET)


def template(**container: object) -> Document:
    return document(
        {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1.27", **container}]},
        }
    )


def test_equal_quantities_written_alike_have_one_hash() -> None:
    limits = [{"limits": {"cpu": cpu}} for cpu in ("2", 2)]
    assert len({template_hash(template(resources=each)) for each in limits}) == 1


def test_absent_and_empty_are_told_apart() -> None:
    assert "Args:([]string)<nil>" in dump_template(template())
    assert "Args:([]string)[]" in dump_template(template(args=[]))
    assert template_hash(template()) != template_hash(template(args=[]))


def test_big_decimals_show_their_machine_words() -> None:
    dump = dump_template(template(resources={"limits": {"x.io/y": "123456789012345678901"}}))
    high, low = divmod(123456789012345678901 * 10**9, 2**64)
    assert f"neg:(bool)false abs:(big.nat)[{low} {high}]}} scale:(inf.Scale)9" in dump


def test_the_order_of_keys_does_not_matter_and_the_hash_is_kept() -> None:
    one = document({"spec": {"nodeName": "a", "hostNetwork": True}})
    other = document({"spec": {"hostNetwork": True, "nodeName": "a"}})
    assert template_hash(one) == template_hash(other) == template_hash(one)


def test_a_collision_count_of_zero_counts() -> None:
    hashes = {template_hash(template(), count) for count in (None, 0, 1, 2**31 - 1)}
    assert len(hashes) == 4


def revision(name: str, number: int, created: str | None = None, data: object = None) -> Document:
    return document(
        {
            "metadata": {"name": name, "creationTimestamp": created},
            "revision": number,
            "data": data,
        }
    )


def test_revisions_come_by_number_then_age_then_name() -> None:
    young, old = "2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z"
    wanted = [
        revision("z", 1),
        revision("b", 1, old),
        revision("a", 1, young),
        revision("c", 1, young),
        revision("a", 2, old),
    ]
    assert list(in_order(reversed(wanted))) == wanted
    assert next_revision(in_order(wanted)) == 3


def test_data_is_escaped_as_in_html() -> None:
    assert data_text(document({"a": "<&>\u2028é"})) == '{"a":"\\u003c\\u0026\\u003e\\u2028é"}'


def test_equal_data_is_found_whatever_the_order_of_keys() -> None:
    stored = [revision("a", 1, data={"x": 1, "y": 2}), revision("b", 2, data={"x": True, "y": 2})]
    wanted = revision("new", 0, data={"y": 2, "x": 1})
    assert equal_revisions(stored, wanted) == (stored[0],)


def test_a_new_revision_is_named_by_its_hash_and_owned() -> None:
    web = document(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "web", "namespace": "default", "uid": "u"},
            "spec": {"template": {"metadata": {"labels": {"app": "web"}}}},
        }
    )
    data = revision_data(Document())
    made = new_revision(web, owner_reference(web), data, 3, 0)
    hashed = revision_hash(data_text(data), 0)
    assert made["metadata"] == {
        "name": revision_name("web", hashed),
        "namespace": "default",
        "labels": {"app": "web", HASH_LABEL: hashed},
        "ownerReferences": (owner_reference(web),),
    }


@given(st.integers(0, 2**40), st.integers(0, 27**5))
def test_no_suffix_comes_twice_before_all_have_come(seed: int, counter: int) -> None:
    far = [random_suffix(seed, counter + step * 27**5 // 9) for step in range(9)]
    assert len(set(far)) == 9


def test_known_hashes() -> None:
    assert (fnv1_32(b"foobar"), fnv1a_32(b"foobar")) == (0x31F0B262, 0xBF9CF968)


def test_maps_are_hashed_by_key() -> None:
    one = document({"metadata": {"annotations": {"b": "1", "a": "2"}}})
    assert "Annotations:(map[string]string)map[a:2 b:1]" in dump_template(one)
