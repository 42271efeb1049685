"""The notebook's stop button, on a real kernel: the cell ends at once, in a few lines that say how to go on."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

BEGIN = """
import time
import torch
import llcourse as ll
from llcourse.course import begin
from llcourse.data import Images, Source

begin("00")
x, y = torch.randint(0, 255, (64, 16, 16, 3), dtype=torch.uint8), torch.arange(64) % 4
images = Images("noise", x, y, x, y, "abcd", Source("standin", "a test", "0"), [0.5] * 3, [0.2] * 3)
net = ll.networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2)
batch = images.normalize(x[:8]), y[:8]
ll.train(net, images, epochs=1)
"""
FIT = """run = ll.Run(net, images, epochs=100_000)
print("running", flush=True)
run.fit()"""
TRAIN = """print("running", flush=True)
for _ in range(9):
    ll.train(net, images, epochs=100_000)"""
MEASURE = """print("running", flush=True)
while True:
    kept = ll.measure.saved_bytes(net, *batch)"""
OWN_LOOP = """def step():
    torch.rand(1000).sum()

print("running", flush=True)
while True: step()"""
UNFINISHED = """print("running", flush=True)
histories = {n: ll.train(net, images, epochs=100_000) for n in (1, 2)}"""
GO_ON = """
done = len(run.history.rows)
run.epochs = done + 1
run.fit()
print(done > 0, len(run.history.rows) - done)
"""


@pytest.fixture(scope="module")
def kernel():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLCOURSE_PROGRESS", "0")
        manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive(BEGIN, timeout=120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def stopped(kernel, code):
    """Run `code` until it prints, and two seconds more; press stop; the reply and the seconds it took."""
    manager, client = kernel
    request = client.execute(code, stop_on_error=False)  # else a cell that comes right after it may be left out
    while client.get_iopub_msg(timeout=60)["content"].get("text") != "running\n":
        pass
    time.sleep(2)
    manager.interrupt_kernel()
    began = time.monotonic()
    while (reply := client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != request:
        pass  # a kernel that was slow to start answers several questions whether it is there
    while (shown := client.get_iopub_msg(timeout=60))["msg_type"] != "error":
        pass
    assert shown["content"]["traceback"] == reply["content"]["traceback"]
    return reply["content"], time.monotonic() - began


@pytest.mark.parametrize("code, line, advice", [
    (FIT, 3, r"epochs: fit() of the same Run goes on from there"),
    (TRAIN, 3, "epochs: run again from where the network is made"),
    (MEASURE, 3, "stopped: run the cell again"), (OWN_LOOP, 5, "stopped: run the cell again")],
    ids=["fit", "train", "measure", "a loop of one's own"])
def test_a_stopped_cell_says_where_and_how_to_go_on(kernel, code, line, advice):
    reply, seconds = stopped(kernel, code)
    assert reply["ename"] == "KeyboardInterrupt" and seconds < 20
    printed = "\n".join(reply["traceback"]).splitlines()
    assert printed[0] == f"line {line} of this cell:  {code.splitlines()[line - 1].strip()}"
    assert printed[-1].startswith("KeyboardInterrupt: ") and printed[-1].endswith(advice) and len(printed) == 2


def test_a_run_goes_on(kernel):
    stopped(kernel, FIT)
    printed = []
    kernel[1].execute_interactive(GO_ON, timeout=60, output_hook=lambda m: printed.append(m["content"].get("text")))
    assert "True 1\n" in printed


def test_what_a_stopped_cell_did_not_make_is_missed_in_one_sentence(kernel):
    stopped(kernel, UNFINISHED)
    for code, said in (("len(histories)", 1), ("len(another)", 0)):
        printed = "\n".join(kernel[1].execute_interactive(code, timeout=60)["content"]["traceback"])
        assert "NameError" in printed
        assert printed.count("histories is made by a cell that was stopped: run that cell to its end first") == said
