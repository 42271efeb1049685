"""The notebook's stop button during training, on a real kernel."""

from jupyter_client.manager import start_new_kernel

TRAIN = """
import threading, time
import torch
import llcourse as ll
from llcourse.data import Images, Source

x, y = torch.randint(0, 255, (64, 16, 16, 3), dtype=torch.uint8), torch.arange(64) % 4
images = Images("noise", x, y, x, y, "abcd", Source("standin", "a test", "0"), [0.5] * 3, [0.2] * 3)
run = ll.Run(ll.networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2), images, epochs=100_000)

def tell():
    while len(run.history.rows) < 3:
        time.sleep(0.01)
    print("training", flush=True)

threading.Thread(target=tell).start()
run.fit()
"""
GO_ON = """
done = len(run.history.rows)
run.epochs = done + 1
run.fit()
print(done > 0, len(run.history.rows) - done)
"""


def test_stop_and_go_on(monkeypatch):
    monkeypatch.setenv("LLCOURSE_PROGRESS", "0")
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        request = client.execute(TRAIN, stop_on_error=False)  # else a cell that comes right after it may be left out
        while client.get_iopub_msg(timeout=60)["content"].get("text") != "training\n":
            pass
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != request:
            pass  # a kernel that was slow to start answers several questions whether it is there
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert "call fit() of the same Run" in reply["content"]["evalue"]
        printed = []
        client.execute_interactive(GO_ON, timeout=60, output_hook=lambda m: printed.append(m["content"].get("text")))
        assert "True 1\n" in printed
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
