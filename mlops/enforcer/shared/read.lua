-- Objects of the repository that the event is about.

-- include "shared/refuse.lua"

local lakefs = require("lakefs")

local repo = action.repository_id

-- Returns the content of an object, or nil where there is none.
local function read(ref, path)
  local code, body = lakefs.get_object(repo, ref, path)
  if code == 200 then return body end
  if code == 404 then return nil end
  refuse("cannot read " .. path .. " at " .. ref .. " (" .. tostring(code) .. ")")
end
