"""``python -m tests.benchmarks.serving.bare FOLDER PORT``: a model behind FastAPI, and nothing else.

It reads MLflow's ``dataframe_split``, predicts, and answers: no schema, no key, no exchange, no batches.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def main(folder: str, port: str) -> None:
    """Serve the model of a folder until the process is ended."""
    import pandas as pd
    import skops.io
    import uvicorn
    from fastapi import FastAPI

    from mlops.adapters.models import nodes
    from mlops.pipelines import pipeline

    model = skops.io.load(
        Path(folder) / "model.skops", trusted=nodes.paths(pipeline("flights").trusted_types)
    )
    app = FastAPI()

    @app.get("/ping")
    def ping() -> str:
        return "pong"

    # FastAPI calls it in a thread, as MLflow's server does.
    @app.post("/invocations")
    def invocations(body: dict[str, Any]) -> dict[str, Any]:
        given = body["dataframe_split"]
        return {"predictions": model.predict(pd.DataFrame(given["data"], columns=given["columns"])).tolist()}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="critical", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
