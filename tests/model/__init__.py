"""An exhaustive model of the protocol: the real functions of the core, in every order of their steps.

Nothing of the protocol is written down again here. Actors run the functions of `mlops.runs` (lifecycle,
decision, promotion, ingest, rollback in both forms, policy, reconcile) over a lake in memory and the double
of the enforcer, which other tests compare with the Lua. `machine` stops an actor at every call that others
could notice; `explorer` tries every order of these calls; `properties`, `merged` and `quiet` say what must
hold after each step, at each merge, and when everybody has died in any state and somebody runs reconcile.

What is covered: lakeFS's merge in its three parts (the head is read, the enforcer judges, the branch moves
or the attempt is made again on the new head), its merge base, answers that are lost while the call goes on
or arrives late, commands that are run again, attempts that were taken over and go on, crashes between any
two calls, protection rules that the server caches, processes that look at things long before they act, and
people who merge, reset, commit, tag and forge by hand. `rules` and `meddling` hold the rules with the
guards that ask them, and what happens where these are taken away. A guard of the enforcer is left out by
its name; one of the core is the real code, which is shown a lake in which it finds nothing to object to.
Where two places ask a rule, either is enough: the anomaly appears where both are gone, and one alone is
shown to hold.

What makes the search small, and why nothing is lost:

- What a commit id names never changes, and a branch with one writer concerns nobody else: such calls are
  made on the spot.
- A look commutes with everything but a change of what it looks at. So an actor looks at once; and when
  something changes that it has looked at since its own last change, it may also look only now. Changes
  alone are interleaved. `Scenario.delays` bounds how many looks may be late in one history; -1 is no bound.
- An actor's state is the answers it has had; a round of a command that goes round starts anew but for what
  the code keeps. So the limit of rounds is not met. An actor that goes round while nothing changes gives
  up.
- Tags are shown to an actor by prefix, those that its functions ask for (`Segment.heeds`).
- A change that nobody else ever looks at is made first.
- Ids of commits follow from content and maker: histories that lead to the same content meet in one state.
- ``torn=False`` lets `main` and the tags be read at one moment, ``ahead`` lets an actor have done its first
  segments before: both are used in the widest searches only, and the narrower ones do without.

What is not covered: more actors at once than the scenarios name; the janitor, forgetting, restoring and the
repair of staged changes; the scores (models are numbers); a tracker that cannot be reached. And
`searches.OPEN` holds what the model finds with all guards on: a reset cannot be made to expect a head, so
of two resets in the moment in which `main` is unprotected the later one drops what came in between. Nor can
a tag be deleted on a condition: a hold that is lifted while a second rollback, asked for by number, begins
is gone for that one too.
"""
