"""MLflow's own client of its scoring server, unchanged."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest

from mlops.serving.keys import open_to_all
from mlops.serving.server import ChampionServer
from mlops.steps.workspace import Workspace
from tests.serving.conftest import Scene

pytestmark = pytest.mark.slow


def test_the_client_gets_what_the_model_predicts(better: Workspace, tmp_path: Path) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    service = Scene(better, tmp_path).service()
    served = service.start()
    server = ChampionServer({service.name: service}, open_to_all)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        client = ScoringServerClient("127.0.0.1", server.port)
        client.wait_server_ready(timeout=20)
        rows = pd.DataFrame({"loudness": [-3.0, 2.0, 5.0]})
        found = client.invoke(rows).get_predictions()
        assert list(found[found.columns[0]]) == list(served.model.predict(rows))
        assert client.get_version()
    finally:
        server.stop()
        thread.join(20)
