import pytest

pytest.register_assert_rewrite("tests.differential.tcpclient.both")
