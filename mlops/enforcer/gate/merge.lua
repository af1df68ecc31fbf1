-- The merge that is attempted: its metadata, the commit it would make, and the head of main before it.

local meta = action.commit.metadata or {}
local merged, head = action.commit_id, action.commit.parents[1]
