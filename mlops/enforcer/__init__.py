"""The enforcer: the lakeFS actions that decide which changes of `main` are allowed, as Lua sources.

It imports the standard library alone, and nothing of the project imports it: `just format` assembles one
self-contained YAML file per folder into ``infra/lakefs/``, which the wheel carries and `mlops init` commits.
Start with ``gate/action.yaml``, then ``gate/lawful_change.lua``; ``shared/`` holds what several scripts
include.
"""
