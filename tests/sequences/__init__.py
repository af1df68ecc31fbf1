"""Random sequences of all commands, against the embedded server and a model of what they should leave."""
