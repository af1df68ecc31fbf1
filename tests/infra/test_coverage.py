"""Coverage sees what other processes run, whatever folder they work in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_CHILD = "from mlops.runs.names import promotion_tag; promotion_tag(1)"
_PARENT = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], cwd={folder!r}, check=True)"
)


def test_a_line_that_only_another_process_runs_is_counted(tmp_path: Path) -> None:
    from coverage import CoverageData

    script = tmp_path / "parent.py"
    script.write_text(_PARENT.format(child=_CHILD, folder=str(tmp_path)), encoding="utf-8")
    data = tmp_path / "data"
    for command in (["run", str(script)], ["combine", "--quiet"]):
        call = [sys.executable, "-m", "coverage", command[0], f"--data-file={data}", *command[1:]]
        if command[0] == "combine":
            call.append(str(tmp_path))
        subprocess.run(call, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)

    found = CoverageData(str(data))
    found.read()
    (measured,) = [name for name in found.measured_files() if name.endswith("mlops/runs/names/tags.py")]
    source = (ROOT / "mlops/runs/names/tags.py").read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(source, 1) if text.startswith("def promotion_tag")) + 2
    arcs = found.arcs(measured) or []
    assert any(line in arc for arc in arcs)
