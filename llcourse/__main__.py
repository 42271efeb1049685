"""`python -m llcourse COMMAND`: every command is a module, imported only when it is called."""

import argparse
import importlib
import sys

COMMANDS = {  # name: (module with configure(parser) and main(args) -> exit status, what it does)
    "doctor": ("llcourse.doctor", "check this machine and say what to do"),
    "data": ("llcourse.data.command", "fetch a set of images and say what is there"),
    "run": ("llcourse.course.run", "execute chapters without a browser; record their claims over seeds"),
    "bench": ("llcourse.bench", "time a training step of each method beside plain backprop"),
    "worker": ("llcourse.distributed.worker", "train one module of a job, as torchrun starts it"),
    "reproduce": ("llcourse.reproduce.command", "train a suite at paper scale and record the results"),
}


def usage():
    lines = ["usage: python -m llcourse COMMAND [options]      (COMMAND --help lists its options)", ""]
    return "\n".join(lines + [f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()])


def main(argv=None):
    """Run one command; returns its exit status, 2 for a command that does not exist."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    if argv[0] not in COMMANDS:
        print(f"llcourse has no command {argv[0]!r}; it has {', '.join(COMMANDS)}.\n\n{usage()}", file=sys.stderr)
        return 2
    module, what = COMMANDS[argv[0]]
    command = importlib.import_module(module)
    parser = argparse.ArgumentParser(prog=f"python -m llcourse {argv[0]}", description=what)
    command.configure(parser)
    return command.main(parser.parse_args(argv[1:]))


def _printable():
    """A console that lacks a letter, of a folder's name for one, shows its number: no command ends over that."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed by who called
        stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    _printable()
    sys.exit(main())
