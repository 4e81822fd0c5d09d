"""What people ask of a plan before there is a flow, and the answer.

The function `preview` of build takes a PreviewRequest as JSON, and returns a PreviewAnswer.
"""

from penstock_shared.contracts.change import Forge, Intent, Trust
from penstock_shared.contracts.model import Contract, FlowId, Name, Sha, Text
from penstock_shared.contracts.registration import FullName


class PreviewRequest(Contract):
    """What would a push of this commit do? `since` is the flow to compare it with, if any."""

    forge: Forge
    full_name: FullName
    ref: str
    sha: Sha
    since: FlowId | None = None


class PreviewedComponent(Contract):
    """What a flow would do with a component.

    `differs` names what is not as in the flow that it is compared with: patterns of inputs, and
    sections of `penstock.yml`. Without such a flow it is empty.
    """

    name: Name
    builds: bool
    reason: Text = ""
    deploys: bool = False
    differs: tuple[str, ...] = ()


class PreviewedGate(Contract):
    """Whether a flow would run a gate, or knows its verdict from the flow compared with."""

    label: str
    component: Name | None = None
    runs: bool


class GateQuestion(Contract):
    """Why did a gate of flow `flow_id` run, though it passed in `since`? `gate` is its label."""

    flow_id: FlowId
    since: FlowId
    gate: str


class GateAnswer(Contract):
    """What of a gate differs between two flows: patterns of inputs, and fields of `penstock.yml`.

    Empty if nothing does. Otherwise `refusal` says why there is no answer.
    """

    refusal: Text = ""
    differs: tuple[str, ...] = ()


class PreviewAnswer(Contract):
    """What a flow would do, or the reason for there being none."""

    refusal: Text = ""
    trust: Trust | None = None
    intent: Intent | None = None
    environments: tuple[Name, ...] = ()
    components: tuple[PreviewedComponent, ...] = ()
    gates: tuple[PreviewedGate, ...] = ()
