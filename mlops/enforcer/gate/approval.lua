-- Who let a promotion happen: the approval that a review asks for, and the override of a refusal. Both are claims in
-- the merge's metadata, repeated by its signed statement; what lies on the branch of the run is not asked.

-- include "shared/refuse.lua"
-- include "gate/merge.lua"

local base64 = require("encoding/base64")
local json = require("encoding/json")
local regexp = require("regexp")
local strings = require("strings")

-- Refusals that a person whom the policy names may override: those about numbers. Evidence, leaks, lineage and
-- validation are no matter of opinion.
local OVERRIDABLE = {
  no_gain = true, gain_too_small = true, not_significant = true, worse_than_baseline = true, guard_failed = true,
}

-- Returns the person who approved, as a policy lists names; nil where nobody did.
local function approver()
  local by = meta.approved_by or ""
  if not regexp.match("^(claimed|proven):[^ ]", by) then return nil end
  return string.sub(by, strings.has_prefix(by, "proven:") and 8 or 9)
end

local function check_stated_approval()
  if not meta.statement then return end
  local ok, stated = pcall(function()
    return json.unmarshal(base64.decode(json.unmarshal(meta.statement).payload)).predicate.approval or {}
  end)
  if not ok or type(stated) ~= "table" then refuse("the statement cannot be read") end
  if stated.by ~= meta.approved_by or tostring(stated.override or false) ~= (meta.override or "false") then
    refuse("the statement names another approval than the merge's metadata")
  end
end

-- Returns whether a refusal is overridden, or refuses an override that the policy does not allow.
local function is_overridden(policy, verdict)
  if meta.override ~= "true" then return false end
  local name, allowed = approver(), false
  for _, listed in ipairs(policy.override_by) do allowed = allowed or listed == name end
  if not allowed then
    refuse("the policy on main does not let " .. (name or "nobody") .. " override a refusal")
  end
  if strings.trim(meta.comment or "") == "" then refuse("an override needs a reason") end
  if policy.metric == "none" then refuse("what the suites refuse cannot be overridden") end
  if verdict.outcome ~= "refuse" then refuse("there is no refusal to override") end
  for _, finding in ipairs(verdict.findings) do
    if not OVERRIDABLE[finding.reason] then
      refuse("a refusal by " .. tostring(finding.reason) .. " cannot be overridden")
    end
  end
  return true
end

local function check_approval(policy)
  local name = approver()
  if policy.promotion == "review" and not name then
    refuse("the policy asks for review; `mlops approve` promotes run " .. tostring(meta.run_id))
  end
  if meta.approved_by and not name then refuse("approved_by does not say who approved") end
  check_stated_approval()
end
