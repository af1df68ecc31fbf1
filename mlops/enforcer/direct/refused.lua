-- Refuses every commit, revert and cherry-pick on main itself.

-- include "shared/refuse.lua"

local DOING = {
  ["pre-commit"] = "committed",
  ["pre-revert"] = "reverted",
  ["pre-cherry-pick"] = "cherry-picked",
}
refuse("nothing is " .. DOING[action.event_type] .. " on main itself; main changes by"
  .. " the merges that the gate lets pass, and goes back by a rollback")
