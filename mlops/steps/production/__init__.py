"""The rules of mode production: only committed code runs, and only the packages of the lock file.

That only data on `main` is read needs no check: a run of any mode reads the commit of `main` that it forks
from. The steps that write through code of the pipeline import it. Start with `environment`.
"""
