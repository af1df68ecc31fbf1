"""Audits that compute again: scores from models, rows from raw data, models from rows.

Only the command line, demo and anomalies import it. Start with `audit`, then `proofs`.
"""
