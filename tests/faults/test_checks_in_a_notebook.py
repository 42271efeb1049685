"""Answers that would end a real kernel, close its output or never return."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

BEGIN = """
import sys
from llcourse.course import check, checks
from llcourse.course.solutions import solution
right = solution("0.3")

def after(change):
    def answer(*given):
        change()
        return right(*given)
    return answer

def spin():
    while True:
        pass
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive(BEGIN, timeout=120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(kernel, code):
    texts = []
    reply = kernel[1].execute_interactive(code, timeout=60, output_hook=lambda message: texts.append(
        message["content"].get("text", "")))
    return reply["content"], "".join(texts)


@pytest.mark.parametrize("leave", ["exit()", "quit()", "sys.exit()"])
def test_an_exit_is_a_verdict_and_the_kernel_lives(kernel, leave):
    reply, said = printed(kernel, f'kept = 1\ncheck("0.3", after(lambda: {leave}))')
    assert reply["status"] == "ok" and not reply["payload"] and f"{leave}))`: SystemExit" in said
    time.sleep(0.5)  # ipykernel ends a tenth of a second after such a cell
    assert printed(kernel, "print(kept)")[1] == "1\n" and kernel[0].is_alive()


def test_a_closed_output_is_open_again(kernel):
    said = printed(kernel, 'check("0.3", after(lambda: sys.stdout.close()))\nprint("on")')[1]
    assert said == "0.3: PASS\non\n"


def test_an_endless_loop_ends(kernel):
    said = printed(kernel, 'checks.SECONDS = 0.5\ncheck("0.3", after(spin))\nchecks.SECONDS = 120')[1]
    assert said.startswith("0.3: not yet. After 0.5 seconds line ") and "a loop that never ends?" in said


def test_the_stop_button_stops_a_check(kernel):
    manager, client = kernel
    request = client.execute('print("running", flush=True)\ncheck("0.3", after(spin))',
                             stop_on_error=False)  # else the kernel may refuse the next cell for a moment
    while client.get_iopub_msg(timeout=60)["content"].get("text") != "running\n":
        pass
    time.sleep(0.5)
    manager.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != request:
        pass
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert printed(kernel, 'check("0.3", right)')[1] == "0.3: PASS\n"
