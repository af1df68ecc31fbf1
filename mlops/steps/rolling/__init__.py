"""A holdout of several periods: the models of earlier periods, and which of them predicts which rows.

Training, evaluation, rehearsal and audit import it; it imports pipelines and the core. Start with `periods`,
then `fold_models`, which stands for the files of the models.
"""
