-- Run once by PostgreSQL's image, when its volume is empty: each service has a database of its own.
CREATE DATABASE lakefs;
CREATE DATABASE mlflow;
