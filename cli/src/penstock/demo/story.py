"""The steps of the demo: one release is promoted, one is aborted."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.connection import Connection
from penstock.demo.answers import COMPONENT, Answer, ask
from penstock.demo.errors import DemoError, expect
from penstock.demo.shop import SHOP, ShopTree
from penstock.flows import FlowJson, jobs_of, phase_of, title_of
from penstock.following import Follower, Reached, final
from penstock.messages import command_message
from penstock.rendering import flow_view, state_of
from penstock.words import lasted, now
from penstock_shared.configuration import FILE_NAME, Configuration, read_configuration

PATIENCE = 300.0
"""Seconds for one flow to reach the expected state."""
OLD_VERSION = "1.0.0"
CHANGED = "catalog"


@dataclass
class Story:
    """The demo on one stack. `fresh` says that the stack has had no flow before."""

    connection: Connection
    git_url: str
    folder: Path
    console: Console
    fresh: bool
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self.follower = Follower(self.connection.api, self.console, PATIENCE)

    def tell(self) -> None:
        """Run the whole demo. Raises DemoError when a step does not do what it should."""
        self._heading("A push of the whole shop goes to production")
        tree = ShopTree.copy_to(self.folder, self.git_url)
        promoted, production = self._promote(tree)
        self._heading("A change to one component is stopped while it bakes")
        aborted = self._abort(tree, production)
        self._heading("Summary")
        self._sum_up([promoted, aborted])

    def _promote(self, tree: ShopTree) -> tuple[FlowJson, Answer]:
        tree.commit("Open the shop")
        flow = self._push(tree, final)
        expect(flow["state"] == "succeeded", f"the first flow {flow['state']}: {flow['reason']}")
        production = self._ask("production")
        versions = set(production.versions.values())
        expect(versions == {OLD_VERSION}, f"production should be all {OLD_VERSION}: {production}")
        return flow, production

    def _abort(self, tree: ShopTree, production: Answer) -> FlowJson:
        version = "1.1.0" if self.fresh else f"1.1.{int(time.time())}"
        tree.change_catalog(version, 680)
        # Long enough that even a slow machine checks and aborts while the release bakes.
        tree.bake_for("10m")
        tree.commit("Tea costs 6.80")
        flow = self._push(tree, _baking)
        expect(flow["state"] == "baking", f"the second flow {flow['state']}: {flow['reason']}")
        self._check_only_the_change(flow)
        expect(self._catalog_in("staging") == version, "staging should run the change")
        self._publish_abort(flow)
        stopped = self.follower.follow(flow["flow_id"], _put_back)
        expect(stopped["state"] == "aborted", f"it should be aborted, and is {stopped['state']}")
        expect(self._catalog_in("staging") == OLD_VERSION, "staging should be back")
        expect(self._ask("production") == production, "production should be as it was")
        return stopped

    def _push(self, tree: ShopTree, reached: Reached) -> FlowJson:
        self._say(f"$ git push {tree.remote} main", "bold")
        flow_id = tree.push()
        self._say(f"flow {flow_id}  {self.connection.page_url}flows/{flow_id}", "dim")
        flow = self.follower.follow(flow_id, reached)
        if flow["state"] == "failed" and not self.console.is_terminal:
            self.console.print(flow_view(flow, now()))
        return flow

    def _check_only_the_change(self, flow: FlowJson) -> None:
        """Only the changed component was rebuilt, retested and redeployed."""
        done = {
            "built": {one["name"] for one in flow["components"] if one["built"]},
            "deployed": {one["name"] for one in flow["components"] if one["deployed"]},
            "tested": {job["component"] for job in phase_of(flow, "test")["jobs"]},
            "worked on": {job["component"] for job in jobs_of(flow)},
        }
        for what, names in done.items():
            expect(names == {CHANGED}, f"only {CHANGED} should be {what}, not {_listed(names)}")
        left = [one["name"] for one in flow["components"] if one["name"] != CHANGED]
        self._good(f"Only {CHANGED} was built, tested and deployed; not {_listed(left)}")

    def _publish_abort(self, flow: FlowJson) -> None:
        message = command_message(flow["flow_id"])
        topic = f"{self.connection.topic_arn_prefix}abort-release"
        self._say(f"$ aws sns publish --topic-arn {topic} --message '{message}'", "bold")
        self.connection.publish("abort-release", message)

    def _catalog_in(self, environment: str) -> str:
        return self._ask(environment).versions[CHANGED]

    def _ask(self, environment: str) -> Answer:
        function = _function_in(environment)
        answer = ask(self.connection.client("lambda"), function)
        self._good(f"{function}:live answers: {answer}")
        return answer

    def _sum_up(self, flows: list[FlowJson]) -> None:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for flow in flows:
            took = lasted(flow["started_at"], flow["finished_at"], now())
            table.add_row(flow["flow_id"], state_of(flow["state"]), took, title_of(flow))
        self.console.print(table)
        self._good("Everything was as it should be")

    def _heading(self, text: str) -> None:
        self.console.print()
        self.console.print(Text(text, "bold underline"))

    def _good(self, text: str) -> None:
        self.console.print(Text.assemble(("✓ ", "green"), text))

    def _say(self, text: str, style: str) -> None:
        self.console.print(Text(text, style))


def _baking(flow: FlowJson) -> bool:
    return flow["state"] == "baking" or final(flow)


def _put_back(flow: FlowJson) -> bool:
    """Whether the flow has ended, and staging is rolled back if the flow was aborted."""
    back = phase_of(flow, "staging")["state"] == "rolled-back"
    return final(flow) and (back or flow["state"] != "aborted")


def _listed(names: object) -> str:
    known = [str(name) for name in names] if isinstance(names, list | set) else []
    return ", ".join(sorted(known)) or "nothing"


def _function_in(environment: str) -> str:
    """The name of the deployed function, from the shop's own penstock.yml."""
    shop = _shop()
    deploy = shop.components[COMPONENT].deploy
    if deploy is None or deploy.driver != "lambda":
        raise DemoError(f"{SHOP / FILE_NAME} no longer deploys {COMPONENT} as a function")
    section = shop.environments.get(environment)
    return deploy.deployed_name((section and section.stage) or environment)


def _shop() -> Configuration:
    return read_configuration((SHOP / FILE_NAME).read_bytes())
