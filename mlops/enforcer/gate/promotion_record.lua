-- Guards of a promotion: the hold, revoked runs, the champion that is replaced, the commit that the run forked
-- from, the objects promoted, and the decision on record. A guard refuses or returns; GUARDS is their order.

-- include "shared/refuse.lua"
-- include "shared/read.lua"
-- include "shared/json_object.lua"
-- include "shared/record_tags.lua"
-- include "shared/digest.lua"
-- include "gate/merge.lua"

local lakefs = require("lakefs")
local regexp = require("regexp")
local strings = require("strings")

if meta.kind ~= "promotion" then return end
local guard = {}

-- Returns what a promotion replaces as a whole: path to checksum and size, and how many there are.
local function outputs(ref)
  local found, count = {}, 0
  for _, prefix in ipairs({"processed/", "model/", "reports/"}) do
    local after = ""
    repeat
      local code, page = lakefs.list_objects(repo, ref, after, prefix, "", 1000)
      if code ~= 200 then refuse("cannot list " .. prefix .. " at " .. ref) end
      for _, object in ipairs(page.results) do
        found[object.path] = object.checksum .. " " .. tostring(object.size_bytes)
        count = count + 1
      end
      after = page.pagination.next_offset
    until not page.pagination.has_more
  end
  return found, count
end

local current = read(head, "champion.json")
local before = current and parse(current, "champion.json") or {number = 0, run_id = ""}
local champion = parse(read(merged, "champion.json"), "champion.json")
local recorded = read(merged, "reports/decision.json")
local decision = parse(recorded, "reports/decision.json")
local evidence = read(merged, "reports/paired.json")

guard.not_on_hold = function()
  if exists("hold") then refuse_as("on-hold", "promotions are stopped until they are resumed") end
end

guard.not_revoked = function()
  local run = meta.run_id or ""
  if not regexp.match(RUN_ID, run) then
    refuse("a promotion names its run")
  end
  if exists("revoked-" .. run) then refuse("run " .. run .. " was rolled back") end
  -- Old outputs return under a name of their own, which an explicit command put on record before.
  local inputs = string.sub(run, 1, 12)
  local restores = regexp.match("r[1-9]", run)
  if restores and not exists("restored-" .. run) then
    refuse("nobody asked for old outputs to return as " .. run)
  end
  if not restores and exists("revoked-" .. inputs) then
    refuse("run " .. run .. " repeats one that was rolled back")
  end
  if exists("forgotten-" .. run) then refuse("run " .. run .. " was forgotten") end
end

guard.not_rejected = function()
  if exists("rejected-" .. meta.run_id) then refuse("run " .. meta.run_id .. " was rejected on review") end
end

guard.replaces_champion = function()
  local old, decided, new = digest(current), decision.compared_to, champion.compared_to
  if decided.champion_sha256 ~= old then
    refuse_as("main-moved", "the decision was made against another champion")
  end
  if new.champion_sha256 ~= old or new.commit ~= head then
    refuse("champion.json does not replace the champion on main")
  end
  for _, to in ipairs({decided, new}) do
    if to.number ~= before.number or to.run_id ~= before.run_id then
      refuse("the promotion misnames the champion it replaces")
    end
  end
end

guard.same_promotion = function()
  if champion.number ~= tonumber(meta.number) or champion.run_id ~= meta.run_id
      or champion.evidence_commit ~= meta.evidence_commit or decision.run_id ~= meta.run_id
      or champion.inputs_digest ~= decision.inputs_digest
      or champion.trained_until ~= decision.trained_until then
    refuse("champion.json, decision.json and the metadata name different promotions")
  end
  -- A run is named for its inputs, so what was revoked cannot come back under another name.
  if string.sub(champion.inputs_digest or "", 1, 12) ~= string.sub(meta.run_id, 1, 12) then
    refuse("run " .. meta.run_id .. " is not named for its inputs")
  end
end

-- Whether a refusal may be overridden is for verdict.lua to say, which knows the policy.
guard.promotes = function()
  local overridden = meta.override == "true" and decision.verdict.outcome == "refuse"
  if decision.verdict.outcome ~= "promote" and not overridden or decision.verdict.what_if ~= false then
    refuse("the decision does not promote")
  end
end

guard.evidence_decided_on = function()
  if not evidence or digest(evidence) ~= decision.paired_sha256 then
    refuse("reports/paired.json is not what was decided on")
  end
end

guard.policy_in_force = function()
  local policy = read(head, "gate/policy.yaml")
  if not policy or digest(policy) ~= decision.policy_sha256 then
    refuse_as("main-moved", "the decision was made by another policy")
  end
end

-- lakeFS takes a difference from the common ancestor on: for an ancestor of the head there is none.
guard.fork_on_main = function()
  local fork = champion.raw_commit or ""
  if not regexp.match("^[0-9a-f]{64}$", fork) then
    refuse("champion.json does not name the commit whose raw data was read")
  end
  local code, page = lakefs.diff_refs(repo, head, fork, "", "", "", 1)
  if code ~= 200 or #page.results > 0 then
    refuse("the run forked from a commit that is not behind main's head")
  end
end

guard.objects = function()
  local found, count = outputs(merged)
  local digests = {
    ["reports/decision.json"] = digest(recorded),
    ["reports/paired.json"] = decision.paired_sha256,
    ["reports/predictions.parquet"] = decision.predictions_sha256,
  }
  local model_size = 0
  for _, object in ipairs(champion.objects) do
    local path = tostring(object.path)
    if strings.has_prefix(path, "model/") then model_size = model_size + object.size_bytes end
    if found[path] ~= object.checksum .. " " .. tostring(object.size_bytes)
        or digests[path] and digests[path] ~= object.sha256 then
      refuse(path .. " is not what was judged")
    end
    found[path] = nil
  end
  local footprint = parse(evidence, "reports/paired.json").footprint
  if footprint and footprint.model_size_bytes ~= model_size then
    refuse("the model has " .. model_size .. " bytes, not as many as its evidence says")
  end
  if #champion.objects ~= count then
    refuse("champion.json lists " .. #champion.objects .. " objects, there are " .. count)
  end
end

-- An evaluation is claimed by its tag before it counts; the tagged commit holds all of it. It is counted
-- by what the holdout is (holdout_id), not by its bytes; the first may go on from one counted by bytes.
guard.decision_on_record = function()
  local holdout, look = parse(evidence, "reports/paired.json").holdout_id, decision.verdict.look
  if not regexp.match("^[0-9a-f]{64}$", tostring(holdout))
      or not regexp.match("^[1-9][0-9]{0,8}$", tostring(look)) then
    refuse("the decision does not say which look at which holdout it is")
  end
  local prefix = "decision-" .. string.sub(holdout, 1, 12) .. "-"
  if not exists(prefix .. tostring(look)) then
    refuse("the decision is not on record as " .. prefix .. tostring(look))
  end
  local before = prefix .. tostring(look - 1)
  if decision.continues and decision.continues ~= "" then
    before = decision.continues
    if not regexp.match("^decision-[0-9a-f]{12}-" .. tostring(look - 1) .. "$", before) then
      refuse("the decision goes on from another number than look " .. tostring(look - 1))
    end
  end
  if look > 1 and not exists(before) then
    refuse("look " .. tostring(look) .. " leaves out the one before it")
  end
  if not regexp.match("^[0-9a-f]{64}$", meta.evidence_commit or "") then
    refuse("a promotion names its evidence commit")
  end
  local promoted, count = outputs(merged)
  for _, ref in ipairs({prefix .. tostring(look), meta.evidence_commit}) do
    local judged, listed = outputs(ref)
    for path, content in pairs(judged) do
      if promoted[path] ~= content then
        refuse(path .. " is not what is on record at " .. ref)
      end
    end
    if count ~= listed then refuse("the record at " .. ref .. " holds other objects") end
  end
end

local GUARDS = {
  "not_on_hold",
  "not_revoked",
  "not_rejected",
  "replaces_champion",
  "same_promotion",
  "promotes",
  "evidence_decided_on",
  "policy_in_force",
  "fork_on_main",
  "objects",
  "decision_on_record",
}
for _, name in ipairs(GUARDS) do guard[name]() end
