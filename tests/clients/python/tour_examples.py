"""The tour of the examples: the fixtures of `examples/pytest`, and the workflow.

`RUNSTATE_PROGRAM` names the program. The tests of the example run twice: with a
stand-in that their fixture starts, and as the steps of the workflow have them,
which are run here as a runner runs them.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tour import Step, stop

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = ROOT / "examples/github-actions/graph-tests.yml"
#: What a workflow, a job and a step may have, as far as the example has it.
KNOWN = {
    "workflow": {"name", "on", "permissions", "jobs"},
    "job": {"runs-on", "timeout-minutes", "steps"},
    "step": {"name", "uses", "with", "env", "if", "run"},
}


def environment(more: dict[str, str]) -> dict[str, str]:
    """The environment of a step: nothing of the tour's own, and this Python first on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNSTATE_")}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = kept["PYTHONDONTWRITEBYTECODE"] = "1"
    kept["PYTEST_ADDOPTS"] = "-p no:cacheprovider"
    return kept | more


def fixture(program: Path) -> None:
    """The tests with the stand-in that their own fixture starts."""
    with Step("the example's tests start a stand-in of their own") as step:
        ran = run(
            [sys.executable, "-m", "pytest", "examples/pytest"],
            environment({"RUNSTATE_PROGRAM": str(program)}),
        )
        step.says(summary(step, ran))


def workflow(program: Path) -> None:
    """The workflow's own steps, in order."""
    with Step("the workflow is one") as step:
        flow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
        # In YAML 1.1, which this parser reads, the word is a truth.
        flow["on"] = flow.pop(True, None) or flow.pop("on")
        step.equal("what a workflow has", KNOWN["workflow"], set(flow))
        (job,) = flow["jobs"].values()
        step.equal("what the job has", KNOWN["job"], set(job))
        for one in job["steps"]:
            step.equal(f"what no step has: {one}", set(), set(one) - KNOWN["step"])
            step.true(f"a step uses or runs something: {one}", ("uses" in one) != ("run" in one))
            if "uses" in one:
                step.true("an action has a version", re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", one["uses"]))
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        files = {name: temporary / name for name in ("GITHUB_ENV", "GITHUB_PATH")}
        for file in files.values():
            file.touch()
        more = {name: str(file) for name, file in files.items()} | {"RUNNER_TEMP": folder}
        for one in job["steps"]:
            # The one for a failure too, as if there had been one.
            if "run" in one:
                steps(one, program, more, files)


def steps(one: dict[str, Any], program: Path, more: dict[str, str], files: dict[str, Path]) -> None:
    """Runs one step as a runner does: by bash, which ends at the first failure."""
    with Step(f"the workflow's step '{one['name']}'") as step:
        env = environment(more)
        env["PATH"] = ":".join(files["GITHUB_PATH"].read_text().split() + [env["PATH"]])
        for line in files["GITHUB_ENV"].read_text().splitlines():
            name, value = line.split("=", 1)
            env[name] = value
        for name, value in one.get("env", {}).items():
            step.equal("the only variable", "${{ vars.RUNSTATE_URL }}", value)
            env[name] = program.as_uri()
        ran = run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", one["run"]], env)
        if "pytest" in one["run"] and "pip" not in one["run"]:
            step.says(summary(step, ran))
        else:
            step.equal(f"status, after {ran.stdout}", 0, ran.returncode)


def run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; what it leaves running keeps no pipe of ours."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        ran = subprocess.run(command, cwd=ROOT, env=env, stdout=out, stderr=out, check=False)
        out.seek(0)
        return subprocess.CompletedProcess(command, ran.returncode, out.read())


def summary(step: Step, ran: subprocess.CompletedProcess[str]) -> str:
    """The last line of pytest's report, such as `7 passed`; every test has to."""
    last = ran.stdout.strip().rsplit("\n", 1)[-1].strip("= ")
    step.true(f"all passed: {ran.stdout}", ran.returncode == 0 and "passed" in last)
    step.true(f"none was left out: {last}", "skipped" not in last and "deselected" not in last)
    return last


if __name__ == "__main__":
    named = os.environ.get("RUNSTATE_PROGRAM") or stop("RUNSTATE_PROGRAM is not set")
    fixture(Path(named))
    workflow(Path(named))
