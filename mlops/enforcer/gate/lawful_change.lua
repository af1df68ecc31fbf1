-- Guards of every merge into main: the expected head, the kind of change, the paths that it may change, its
-- number in the sequence, and what each kind must bring. A guard refuses or returns; GUARDS is their order.

-- include "shared/refuse.lua"
-- include "shared/read.lua"
-- include "shared/json_object.lua"
-- include "shared/record_tags.lua"
-- include "shared/digest.lua"
-- include "gate/merge.lua"
-- include "gate/differences.lua"

local base64 = require("encoding/base64")
local json = require("encoding/json")
local regexp = require("regexp")
local strings = require("strings")

local changed = {} -- path to added, changed or removed
local guard = {}

local LAWFUL = {
  setup = {"gate/", "_lakefs_actions/"},
  ingest = {"raw/"},
  promotion = {"processed/", "model/", "reports/", "champion.json"},
  rollback = {"rollback.json"},
  policy = {"gate/", "_lakefs_actions/"},
}
-- A rollback without a reset lays the old content on the head, under the gate of the head.
local JUDGES = {"gate/", "_lakefs_actions/"}

local function below(prefixes, path)
  for _, prefix in ipairs(prefixes) do
    local folder = strings.has_suffix(prefix, "/")
    if path == prefix or folder and strings.has_prefix(path, prefix) then return true end
  end
  return false
end

local function event(number)
  return exists(numbered("promotion-", number)) or exists(numbered("rolledback-", number))
end

-- After a rollback without a reset, what it dropped is behind main's head all the same.
local function keep_revoked(target)
  if exists("revoked-" .. tostring(target.run_id)) then
    refuse("run " .. target.run_id .. " was rolled back; it returns through the gate alone")
  end
end

guard.expected_head = function()
  if not meta.expected_head then
    refuse("no expected_head in the merge's metadata: main is not changed by a merge on a page or by hand;"
      .. " `mlops approve` promotes a run that waits for review")
  end
  if meta.expected_head ~= head then
    refuse_as("main-moved", "checked against " .. meta.expected_head .. ", main is at " .. head)
  end
end

guard.kind = function()
  if not LAWFUL[meta.kind or ""] then
    refuse("kind " .. tostring(meta.kind) .. " is none of the five")
  end
end

guard.squashed = function()
  if #action.commit.parents ~= 1 then
    refuse("not squashed: run commits would reach main")
  end
end

guard.no_strategy = function()
  if meta[".lakefs.merge.strategy"] ~= "default" then
    refuse("a merge strategy was passed")
  end
end

guard.not_frozen = function()
  if read(head, "rollback.json") then refuse_as("frozen", "a rollback is under way on main") end
end

-- A reset that was sent for a rollback may land until that is settled, and would drop what came since.
guard.settled = function()
  local champion = read_json(head, "champion.json")
  local number = (champion and champion.number or 0) + 1
  while event(number) do
    local tag = numbered("rolledback-", number)
    if exists(tag) and not exists(numbered("settled-", number)) then
      local record = read_json(tag, "rollback.json")
      if record and not record.forward then refuse_as("frozen", tag .. " is not settled yet") end
    end
    number = number + 1
  end
end

-- Nothing else than this keeps gate/ and the actions as they are at the first parent.
guard.lawful_paths = function()
  local forward = meta.kind == "rollback" and meta.forward == "true"
  differences(head, merged, 1000, function(change)
    local lawful = below(LAWFUL[meta.kind], change.path)
    if forward then lawful = not below({"rollback.json", JUDGES[1], JUDGES[2]}, change.path) end
    if not lawful then refuse("kind " .. meta.kind .. " may not change " .. change.path) end
    changed[change.path] = change.type
  end)
  if not is_ancestor(head, merged) then
    refuse("the merge does not follow " .. head .. ", so its difference is not whole")
  end
end

guard.sequence = function()
  if meta.kind ~= "promotion" and meta.kind ~= "rollback" then return end
  if not regexp.match("^[1-9][0-9]{0,8}$", meta.number or "") then
    refuse("no sequence number")
  end
  local number, champion = tonumber(meta.number), read_json(head, "champion.json")
  local last = champion and champion.number or 0
  if number <= last then
    refuse("number " .. meta.number .. " is not above the champion's, " .. tostring(last))
  end
  if event(number) then refuse("number " .. meta.number .. " is taken") end
  if number - 1 ~= last and not event(number - 1) then
    refuse("number " .. meta.number .. " leaves out the one before it")
  end
end

guard.setup = function()
  if meta.kind == "setup" and read(head, "_lakefs_actions/gate.yaml") then
    refuse("main is set up already; change the gate by a policy commit")
  end
end

guard.policy = function()
  if meta.kind ~= "policy" and meta.kind ~= "setup" then return end
  if meta.kind == "policy" and strings.trim(meta.reason or "") == "" then
    refuse("a policy commit needs a reason")
  end
  for _, path in ipairs({"gate/policy.yaml", "gate/holdout.yaml", "_lakefs_actions/gate.yaml"}) do
    if not read(merged, path) then refuse("main would be left without " .. path) end
  end
  for _, path in ipairs({"_lakefs_actions/direct.yaml", "_lakefs_actions/tags.yaml"}) do
    if changed[path] == "removed" then refuse("main would be left without " .. path) end
  end
  for path in pairs(changed) do
    -- lakeFS cannot commit to a branch whose actions lie in folders.
    if strings.has_prefix(path, "_lakefs_actions/") and #strings.split(path, "/") > 2 then
      refuse("actions lie in no folder of their own: " .. path)
    end
  end
end

guard.ingest = function()
  if meta.kind ~= "ingest" then return end
  local arrival = meta.arrival or ""
  if not regexp.match("^[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}$", arrival) then
    refuse("an ingest names its arrival")
  end
  local own = "^raw/[a-z][a-z0-9_]{0,63}/" .. regexp.quote_meta(arrival) .. "\\.parquet$"
  for path, how in pairs(changed) do
    if how == "removed" or not regexp.match(own, path) then
      refuse("the ingest of " .. arrival .. " may not change " .. path)
    end
  end
end

-- The record by which anybody can finish a rollback, and by which nothing dropped comes back.
guard.freeze = function()
  if meta.kind ~= "rollback" or meta.forward == "true" then return end
  if changed["rollback.json"] ~= "added" then refuse("a rollback adds rollback.json") end
  local record, champion = read_json(merged, "rollback.json"), read_json(head, "champion.json")
  if not champion then refuse("there is no champion to roll back") end
  if record.number ~= tonumber(meta.number) or record.from_commit ~= head
      or record.to_commit ~= meta.to_commit then
    refuse("rollback.json and the merge's metadata name different rollbacks")
  end
  if not is_ancestor(record.to_commit, head) then
    refuse("the rollback leads to a commit that is not behind main's head")
  end
  local target = read_json(record.to_commit, "champion.json")
  if not target or target.number ~= record.to_number then
    refuse("the rollback leads to a commit that is not the promotion it names")
  end
  local dropped = champion.number == target.number
  for _, run in ipairs(record.dropped_runs or {}) do dropped = dropped or run == champion.run_id end
  if not dropped then refuse("the rollback does not revoke run " .. champion.run_id) end
  keep_revoked(target)
end

guard.forward = function()
  if meta.kind ~= "rollback" or meta.forward ~= "true" then return end
  if not is_ancestor(meta.to_commit, head) then
    refuse("the rollback leads to a commit that is not behind main's head")
  end
  differences(meta.to_commit, merged, 1000, function(change)
    if not below(JUDGES, change.path) then
      refuse(change.path .. " is not as it was at " .. meta.to_commit)
    end
  end)
  local champion, target = read_json(head, "champion.json"), read_json(merged, "champion.json")
  if not champion or not target then refuse("there is no champion to roll back") end
  if champion.run_id ~= target.run_id and not exists("revoked-" .. champion.run_id) then
    refuse("run " .. champion.run_id .. " is not revoked")
  end
  keep_revoked(target)
end

-- Lua has no Ed25519: whether somebody who is trusted signed a statement is for commands and audit to
-- prove. Here there must be one, about this very change, and nothing may have come since it was signed.
guard.signed = function()
  local policy = read(meta.kind == "setup" and merged or head, "gate/policy.yaml") or ""
  local required = regexp.match(
    "(?m)^[\"']?signatures[\"']?\\s*:\\s*[\"']?required[\"']?\\s*(#.*)?$", policy)
  if not meta.statement then
    if required then refuse("the policy requires a signed statement, and there is none") end
    return
  end
  local ok, said, stated = pcall(function()
    local envelope, found = json.unmarshal(meta.statement), {}
    local statement = json.unmarshal(base64.decode(envelope.payload))
    if required and not envelope.signatures[1].sig then error("not signed") end
    for _, subject in ipairs(statement.subject) do found[subject.name] = subject.digest.sha256 end
    if statement.predicateType ~= "urn:mlops-lake:main-change:v1" then error("of another kind") end
    return statement.predicate, found
  end)
  if not ok or type(said) ~= "table" then refuse("the statement cannot be read") end
  if said.repository ~= repo or said.kind ~= meta.kind or said.expected_head ~= head
      or said.number ~= (tonumber(meta.number) or 0) then
    refuse("the statement is about another change")
  end
  for path, how in pairs(changed) do
    local read_here = below({"champion.json", "rollback.json", JUDGES[1], JUDGES[2]}, path)
    if how ~= "removed" and (not stated[path]
        or read_here and stated[path] ~= digest(read(merged, path))) then
      refuse(path .. " is not what the statement was signed for")
    end
  end
  -- The head alone does not tell: a rollback may have brought it back.
  if event((tonumber(said.last_number) or 0) + 1) then
    refuse_as("main-moved", "the statement was signed before the newest promotion or rollback")
  end
end

local GUARDS = {
  "expected_head",
  "kind",
  "squashed",
  "no_strategy",
  "not_frozen",
  "settled",
  "lawful_paths",
  "setup",
  "policy",
  "ingest",
  "sequence",
  "freeze",
  "forward",
  "signed",
}
for _, name in ipairs(GUARDS) do guard[name]() end
