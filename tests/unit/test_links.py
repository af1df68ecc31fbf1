"""Addresses of pages: all below the address where they are served."""

from __future__ import annotations

from mlops.adapters.page_links import Links


def test_every_page_is_below_the_address_that_serves_it() -> None:
    links = Links("http://door", "flights", mlflow="http://door/mlflow", dagster="http://door/dagster")
    assert [
        links.compare("main", "a/b"),
        links.commit("c"),
        links.objects("main", "p"),
        links.report("c"),
        links.object("c", "a/b.md"),
    ] == [
        "http://door/repositories/flights/compare?ref=main&compare=a%2Fb",
        "http://door/repositories/flights/commits/c",
        "http://door/repositories/flights/objects?ref=main&path=p",
        "http://door/repositories/flights/object?ref=c&path=reports%2Frun.md",
        "http://door/repositories/flights/object?ref=c&path=a%2Fb.md",
    ]
    assert links.mlflow_run("1", "r") == "http://door/mlflow/#/experiments/1/runs/r"
    assert links.mlflow_model("m") == "http://door/mlflow/#/models/m"
    assert links.dagster_run("r") == "http://door/dagster/runs/r"


def test_pages_that_nobody_serves_have_no_address() -> None:
    links = Links("http://lake", "flights")
    assert [links.mlflow_run("1", "r"), links.mlflow_model("m"), links.dagster_run("r")] == ["", "", ""]
