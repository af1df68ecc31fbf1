"""Go's rules for JSON, YAML, times, durations and regular expressions, as hook scripts see them.

The Lua host and the reader of action files import it. Start with `go_json`; the gate's scripts parse
evidence with it. Regular expressions are our own because google-re2 has no wheels for some of the platforms
(decision 17).
"""
