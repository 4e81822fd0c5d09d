"""The embedded stack: an emulator that runs the stacks made for AWS, runners, a repository.

stack = up()
stack.client("sns").publish(TopicArn=stack.topics["abort-release"], Message=...)
down()
"""

from penstock.embedded.down import down
from penstock.embedded.errors import EmbeddedError, NotRunningError
from penstock.embedded.home import Home, find_home
from penstock.embedded.report import ConsoleReport, Report
from penstock.embedded.stack import Stack
from penstock.embedded.up import StackOptions, up

__all__ = [
    "ConsoleReport",
    "EmbeddedError",
    "Home",
    "NotRunningError",
    "Report",
    "Stack",
    "StackOptions",
    "down",
    "find_home",
    "up",
]
