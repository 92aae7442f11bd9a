"""Hypothesis strategies that several test files share."""

from hypothesis import strategies as st

# Few letters, so that duplicates and shared tables happen; `afcyda}` has hash 0
# and meets `k1197` in table 0.
AWKWARD = [b"", b"afcyda}", b"k1197", b"\0", b"one", b"a" * 300]
keys = st.one_of(st.sampled_from(AWKWARD), st.text("abc", max_size=3).map(str.encode), st.binary(max_size=12))
records = st.lists(st.tuples(keys, st.binary(max_size=20)), max_size=40)
