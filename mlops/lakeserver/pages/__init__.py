"""Pages for people, at the addresses that lakeFS gives them."""
