# The builtin module under `signal`, whose own import costs an `enum`.
from signal import *
from signal import default_int_handler as default_int_handler
