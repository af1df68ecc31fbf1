"""MLflow: runs and registered models that follow `main`, and the plugins by which MLflow reads the lake.

Steps and the command line may import it; MLflow itself loads `plugins` by entry point. Start with `tracker`,
which implements the `Tracker` port.
"""
