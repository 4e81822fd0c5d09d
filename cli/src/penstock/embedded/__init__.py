"""The embedded stack: an emulator with the very stacks that go to AWS, runners and a repository.

stack = up()
stack.client("sns").publish(TopicArn=stack.topics["abort-release"], Message=...)
down()
"""

from penstock.embedded.down import down
from penstock.embedded.errors import EmbeddedError, NotRunningError
from penstock.embedded.home import Home, find_home
from penstock.embedded.report import ConsoleReport, Report
from penstock.embedded.stack import Stack
from penstock.embedded.up import Wishes, up

__all__ = [
    "ConsoleReport",
    "EmbeddedError",
    "Home",
    "NotRunningError",
    "Report",
    "Stack",
    "Wishes",
    "down",
    "find_home",
    "up",
]
