# The builtin module under `collections`.
from collections import deque as deque
