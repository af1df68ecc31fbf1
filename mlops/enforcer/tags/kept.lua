-- Refuses to create a record tag that does not tell the truth, and to delete one before its run is forgotten.

-- include "shared/refuse.lua"
-- include "shared/read.lua"
-- include "shared/record_tags.lua"

local json = require("encoding/json")
local regexp = require("regexp")
local strings = require("strings")

local tag, commit = action.tag_id, action.commit_id

local function run_in(ref, path)
  local text = read(ref, path)
  local ok, value = pcall(json.unmarshal, text or "{}")
  return ok and type(value) == "table" and value.run_id or ""
end

-- The request to forget a run, at the commit that keeps it; none where that says something else.
local function request(ref, run)
  if not regexp.match(RUN_ID, run) then return nil end
  local text = read(ref, "forgotten.json")
  local ok, value = pcall(json.unmarshal, text or "{}")
  if not ok or type(value) ~= "table" or value.run_id ~= run then return nil end
  return value
end

local function is_forgotten(run)
  local found = request("forgotten-" .. run, run)
  for _, listed in ipairs(found and found.tags or {}) do
    if listed == tag then return true end
  end
  return false
end

-- Where each kind of record tells whose it is; a rollback's tag holds the head that was left.
local OWNER = {
  ["promotion-"] = function() return run_in(commit, "champion.json") end,
  ["rolledback-"] = function() return run_in(commit, "champion.json") end,
  ["decision-"] = function() return run_in(commit, "reports/decision.json") end,
  ["revoked-"] = function() return string.sub(tag, 9) end,
  ["rejected-"] = function() return "" end, -- who rejected a run on review, and why: it stays
  ["restored-"] = function() return string.sub(tag, 10) end,
  ["settled-"] = function() return "" end, -- a rollback that is over stays over
  ["validated-"] = function() return "" end, -- what the suites said of an arrival that is on main
  ["writtenoff-"] = function() return "" end, -- of nobody's run: it stays
  ["resumed-"] = function() return "" end, -- who let promotions go on, and why: it stays
}

-- `main@` is main without what is staged on it.
if action.event_type == "pre-create-tag" then
  if tag == "champion" then
    local promoted = read(commit, "champion.json")
    if not promoted or promoted ~= read("main@", "champion.json") then
      refuse("main holds another champion than " .. commit)
    end
  end
  if strings.has_prefix(tag, "forgotten-") and string.sub(tag, 11) == run_in("main@", "champion.json") then
    refuse("run " .. string.sub(tag, 11) .. " is what main holds; promote another one first")
  end
  if strings.has_prefix(tag, "rejected-") and string.sub(tag, 10) == run_in("main@", "champion.json") then
    refuse("run " .. string.sub(tag, 10) .. " is what main holds; it is rolled back, not rejected")
  end
  if strings.has_prefix(tag, "forgotten-") and not request(commit, string.sub(tag, 11)) then
    refuse(tag .. " names no request to forget that run at " .. commit .. "; see `mlops forget`")
  end
  if strings.has_prefix(tag, "settled-") then
    local record = read(commit, "rollback.json")
    if not record or record ~= read("rolledback-" .. string.sub(tag, 9), "rollback.json") then
      refuse(tag .. " says that a rollback is over which is not on record at " .. commit)
    end
  end
  return
end

-- Returns the number of the rollback that set the hold; none where it was set by hand.
local function held_by()
  local ok, record = pcall(json.unmarshal, read(commit, "rollback.json") or "null")
  return ok and type(record) == "table" and tonumber(record.number) or nil
end

-- A later rollback may have found the hold set; whoever resumes notes the newest one.
local function is_resumed(number)
  repeat
    if exists(numbered("resumed-", number)) then return true end
    number = number + 1
  until not exists(numbered("promotion-", number)) and not exists(numbered("rolledback-", number))
  return false
end

if tag == "hold" then
  local number = held_by()
  if number and not is_resumed(number) then
    refuse("the hold goes only by `mlops resume`, which puts the reason on record first")
  end
  return
end
if strings.has_prefix(tag, "forgotten-") then refuse(tag .. " is kept: it records what was forgotten") end
for prefix, owner in pairs(OWNER) do
  if strings.has_prefix(tag, prefix) and not is_forgotten(owner()) then
    refuse(tag .. " is a record; it goes only with the run it belongs to, by `mlops forget`")
  end
end
