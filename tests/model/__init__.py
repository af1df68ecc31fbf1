"""An exhaustive model of the protocol: the real functions of the core, in every order of their steps."""
