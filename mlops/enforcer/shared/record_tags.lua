-- The tags that record what happened on main, and the names in them.

-- include "shared/refuse.lua"
-- include "shared/read.lua"

local lakefs = require("lakefs")

local RUN_ID = "^[0-9a-f]{12}(n[1-9][0-9]{0,8})?(r[1-9][0-9]{0,8})?$"

local function exists(tag)
  local code = lakefs.list_objects(repo, tag, "", "", "", 1)
  if code == 200 then return true end
  if code == 404 then return false end
  refuse("cannot tell whether " .. tag .. " exists (" .. tostring(code) .. ")")
end

-- Returns the name of the tag of a number, as `mlops/runs/names/tags.py` writes it.
local function numbered(tag, number)
  local digits = tostring(number)
  return tag .. string.rep("0", math.max(0, 6 - #digits)) .. digits
end
