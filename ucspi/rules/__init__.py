"""The tcprules language: parse, compile, look up, judge.

    compile_rules([b"127.:allow\\n:deny\\n"], writer.add)

Everything is bytes; nothing here touches the file system.
"""

from ucspi.errors import RuleSyntaxError as RuleSyntaxError
from ucspi.rules._compile import compile_rules as compile_rules
from ucspi.rules._expand import expand as expand
from ucspi.rules._parse import Rule as Rule
from ucspi.rules._parse import parse as parse
from ucspi.rules._record import encode as encode
from ucspi.rules._record import segments as segments
