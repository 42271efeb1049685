"""Where a run left its network, from which alone it goes on."""

import operator

import torch

from .identity import SHOWN, bits, description, differences


class Standing:
    """A run at the end of an epoch: its state, how many rows it has, and what its network is made of."""

    def __init__(self, run):
        self.state, self.rows, self.made_of = run.state(), len(run.history.rows), description(run.net)


def parts(net):
    return [*net.modules(), *net.parameters()]


def refuse_redeclared(run):
    """ValueError if the network would train something else than the configuration says."""
    now = parts(run.net)
    if len(now) != len(run.parts) or not all(map(operator.is_, now, run.parts)):
        _refuse(["another module, head, objective, border or parameter"])
    _refuse(differences({name: run.config[name] for name in ("reach", "precision")}
                        | {"weights": run.config["network"]["weights"]},
                        {"reach": run.net.reach.tolist(), "precision": str(run.net.precision),
                         "weights": repr(run.net.weights)}))


def refuse_changes(run):
    """ValueError if the network is another one than the run has left: redeclared, or trained by somebody else."""
    refuse_redeclared(run)
    _refuse(differences(run.stands.made_of, description(run.net)))
    _refuse([f"other values in {name}" for name, tensor in run.net.state_dict().items()
             if not torch.equal(bits(tensor), bits(run.stands.state[f"net.{name}"]))])


def _refuse(changes):
    if changes:
        raise ValueError(f"since this Run was made, or last trained its network, that has changed: "
                         f"{'; '.join(changes[:SHOWN])}. Declare first, then make a Run, and let it finish before "
                         "another trains the same network")
