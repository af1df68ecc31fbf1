# MLflow's server with this package, so that its pages can list lakefs:// files.
FROM python:3.12-slim
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY mlops mlops
COPY expectations expectations
COPY infra infra
# The same locked set-up as everywhere; the driver for PostgreSQL is a part of the lock.
RUN sh infra/setup.sh && useradd --uid 1000 --create-home mlflow
ENV PATH=/app/.venv/bin:$PATH
# A number, so that a cluster can check that it is not root.
USER 1000
WORKDIR /home/mlflow
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"]
