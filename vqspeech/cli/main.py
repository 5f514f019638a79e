"""The command ``vqspeech``: a group whose commands are specs, imported when invoked."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from vqspeech import __version__
from vqspeech.cli.terminal import escaped_output
from vqspeech.errors import PluginError, VQSpeechError
from vqspeech.registry import host as hosts
from vqspeech.registry import lookup
from vqspeech.registry.specs import CommandSpec

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_BROKEN = frozenset({errno.EIO, errno.ESTALE})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class LazyGroup(TyperGroup):
    """The top-level group, which imports a command's module only to run it.

    Help shows the summaries of the specs.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; print any exception as one paragraph on stderr and exit with its code."""
        with escaped_output():
            try:
                return super().main(args, prog_name, complete_var, standalone_mode, windows_expand_args, **extra)
            except Exception as error:
                if not standalone_mode:
                    raise
                sys.exit(report(error))

    def invoke(self, ctx: Any) -> Any:
        """Invoke the command; Ctrl-C ends with one line and exit code 130, SIGTERM with 143, a hang-up with 129."""
        caught: list[int] = []
        try:
            with ending_signals(caught):
                result = super().invoke(ctx)
            # A closed pipe or a full disk shows here, not when the interpreter ends.
            sys.stdout.flush()
            return result
        except KeyboardInterrupt as error:
            print(f"Interrupted{_sentence(str(error))}", file=sys.stderr)
            if _debugging():
                traceback.print_exc()
            raise typer.Exit(128 + caught[0] if caught else 130) from error

    def list_commands(self, ctx: Any) -> list[str]:
        """List built-in commands, then plugins'; an ambiguous name includes its distribution."""
        return list(_summaries())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command for listings, with name and summary only."""
        summary = _summaries().get(cmd_name)
        return None if summary is None else TyperCommand(cmd_name, help=summary, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import and return the command."""
        try:
            entry = lookup.find(CommandSpec, args[0])
            return args[0], _plain(build(args[0], lookup.resolve(entry), entry.spec.summary)), args[1:]
        except VQSpeechError:
            # Shell completion prints nothing.
            if ctx.resilient_parsing:
                return None, None, args
            raise


@contextmanager
def ending_signals(caught: list[int]) -> Iterator[None]:
    """Within the block, the first SIGTERM or hang-up raises KeyboardInterrupt, so that work ends as at Ctrl-C.

    Commands that save their work at a signal set handlers of their own. Forked processes end at once, as by default.

    Parameters
    ----------
    caught : receives the number of the signal
    """
    process = os.getpid()

    def handle(number: int, frame: Any) -> None:
        if os.getpid() != process:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if not caught:
            # A second one, such as SIGHUP after SIGTERM when a system shuts down, must not end the completing of files.
            caught.append(number)
            raise KeyboardInterrupt

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Under nohup a hang-up is ignored, and stays so.
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summaries() -> dict[str, str]:
    # Loads plugins and prints failures.
    lookup.entries(CommandSpec)
    host = hosts.current()
    builtin = {entry.spec.name: entry.spec.summary for entry in host.builtin_entries("command")}
    clashing = {name for kind, name, _ in host.conflicts() if kind == "command"}
    others = host.entries("command")[len(builtin) :]
    return builtin | {(e.qualified if e.spec.name in clashing else e.spec.name): e.spec.summary for e in others}


def build(name: str, target: Any, summary: str) -> Any:
    """Make a command of a spec's target: a group of a ``typer.Typer``, else a single command.

    Raises
    ------
    PluginError : for a target that is not callable
    """
    if isinstance(target, typer.Typer):
        command = get_group(target)
        command.name = name
        command.help = command.help or summary
        return command
    if not callable(target):
        raise PluginError(f"command {name!r}: its target is {target!r}, neither a typer.Typer nor a function")
    single = typer.Typer(add_completion=False)
    single.command(name=name, help=None if target.__doc__ else summary)(target)
    return get_command(single)


def _plain(command: Any) -> Any:
    """Return the command, with plain help texts for it and its subcommands."""
    command.rich_markup_mode = None
    for sub in getattr(command, "commands", {}).values():
        _plain(sub)
    return command


def report(error: Exception) -> int:
    """Print an error as one paragraph on stderr and return the exit code.

    Code 2 means unusable input or a disk that cannot be written, 1 any other failure.
    """
    message, code = _explain(error)
    if _debugging():
        traceback.print_exception(error)
    # Training that a signal stopped has saved its work: no error.
    prefix = "Interrupted" if code == 130 else "Error"
    print(f"{prefix}: {' '.join(message.split(chr(10)))}", file=sys.stderr)
    return code


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, VQSpeechError):
        return str(error), error.exit_code
    name = getattr(error, "filename", None)
    where = f"{os.fspath(name)!r}" if isinstance(name, str | os.PathLike) else ""
    number = error.errno if isinstance(error, OSError) else None
    if number in _DISK_FULL or "No space left on device" in str(error):
        place = f" while writing {where}" if where else ""
        return (
            f"the disk is full{place}. Free some space or choose another place with --out, then repeat the command",
            2,
        )
    if number in _REFUSED:
        reason = "the file system is read-only" if number == errno.EROFS else "permission denied"
        return (
            f"cannot open or write {where or 'a file'}: {reason}. Check its owner and mode, or choose another place",
            2,
        )
    if number in _BROKEN:
        what = f"{where or 'a file'} cannot be read or written: {os.strerror(number)}"
        return f"{what}. Check the disk or the network drive, then repeat the command", 2
    hint = "" if _debugging() else ". This is not expected: set VQSPEECH_DEBUG=1 for the traceback"
    return f"{type(error).__name__}: {str(error).rstrip('.') or '(no message)'}{hint}", 1


def _sentence(text: str) -> str:
    return f": {text}" if text else "."


def _debugging() -> bool:
    return os.environ.get("VQSPEECH_DEBUG", "") not in ("", "0")


def _version(requested: bool) -> None:
    if requested:
        print(f"vqspeech {__version__}")
        raise typer.Exit()


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def vqspeech(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Learn discrete codes from raw speech, decode them, convert voices, compare codes with phonemes.

    Start with: vqspeech recipe run vctk
    """


def main() -> None:
    """Run the console script."""
    # For processes that this one starts: the current folder, which may be anybody's, is not searched for modules.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    app(prog_name="vqspeech")


if __name__ == "__main__":
    main()
