-- Promotions of data without a model: by the policy of the first parent, whose metric is none, the suites decide.

-- include "shared/refuse.lua"
-- include "shared/read.lua"
-- include "shared/json_object.lua"
-- include "gate/merge.lua"

local lakefs = require("lakefs")

local PROCESSED_SUITE = "gate/suites/processed.json"
local VALIDATED = "reports/validation/processed.json"

local function holds(ref, prefix)
  local code, page = lakefs.list_objects(repo, ref, "", prefix, "", 1)
  if code ~= 200 then refuse("cannot list " .. prefix .. " at " .. ref) end
  return #page.results > 0
end

local function holds_model(ref)
  return holds(ref, "model/")
end

-- A repository holds models or data alone: neither a policy nor a promotion changes that.
local function check_same_kind(policy, what)
  if not read(head, "champion.json") then return end
  if holds_model(head) and policy.metric == "none" then
    refuse("main holds a model, and " .. what .. " would do without one")
  elseif not holds_model(head) and policy.metric ~= "none" then
    refuse("main holds data without a model, and " .. what .. " would judge a model")
  end
end

local function check_model(policy)
  check_same_kind(policy, "the policy")
  if policy.metric == "none" and holds_model(merged) then
    refuse("the policy judges data without a model, and the promotion brings one")
  elseif policy.metric ~= "none" and not holds_model(merged) then
    refuse("the policy judges a model by its " .. policy.metric .. ", and the promotion brings none")
  end
end

-- Nothing is compared, so the rows must have passed the very suite that is in force.
local function check_suites(rows)
  local suite = read(head, PROCESSED_SUITE)
  if not suite then refuse(PROCESSED_SUITE .. " is missing") end
  if suite ~= read(parse(read(merged, "champion.json"), "champion.json").raw_commit, PROCESSED_SUITE) then
    refuse("the rows were validated by another suite than the one on main")
  end
  for _, path in ipairs({"processed/rows.parquet", "reports/profile.json"}) do
    if not holds(merged, path) then refuse("a version of the data needs " .. path) end
  end
  local listed = #parse(suite, PROCESSED_SUITE).expectations
  local report = parse(read(merged, VALIDATED), VALIDATED)
  if listed < 1 or report.listed ~= listed or report.run ~= listed or #report.checks ~= listed then
    refuse("not every expectation of the suite was asked: " .. VALIDATED)
  end
  if report.rows ~= rows then refuse("the suite was asked about other rows: " .. VALIDATED) end
  for _, check in ipairs(report.checks) do
    if check.severity ~= "warning" and check.success ~= true then
      refuse("the suite does not hold: " .. tostring(check.name))
    end
  end
  if report.success ~= true then refuse("the suite does not hold: " .. VALIDATED) end
end
