-- Differences between commits, and the ancestry that they tell.

-- include "shared/refuse.lua"
-- include "shared/read.lua"

local lakefs = require("lakefs")
local regexp = require("regexp")

-- Calls `each` for every path that differs from `left` to `right`. lakeFS takes the difference from
-- their common ancestor on, so there is none to see where `right` is an ancestor of `left`.
local function differences(left, right, limit, each)
  local after = ""
  repeat
    local code, page = lakefs.diff_refs(repo, left, right, after, "", "", limit)
    if code ~= 200 then refuse("cannot compare " .. left .. " with " .. right) end
    for _, change in ipairs(page.results) do each(change) end
    after = page.pagination.next_offset
  until not page.pagination.has_more or limit == 1
end

local function is_ancestor(commit, of)
  if not regexp.match("^[0-9a-f]{64}$", commit or "") then return false end
  local found = true
  differences(of, commit, 1, function() found = false end)
  return found
end
