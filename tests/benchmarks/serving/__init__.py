"""`mlops serve` beside MLflow's scoring server and a bare application, all with the same model."""
