-- The policy: read as `mlops/adapters/policy` reads it, with the same defaults and bounds.

-- include "shared/refuse.lua"
-- include "shared/read.lua"
-- include "shared/numbers.lua"

local yaml = require("encoding/yaml")
local regexp = require("regexp")

local OWN_LOSS = {mae = "absolute_error", rmse = "squared_error", bias = "signed_error"}

-- Any metric without a form of its own is the mean of the loss of the same name.
local function loss_of(metric)
  return OWN_LOSS[metric] or metric
end

local function is_metric(name)
  if type(name) ~= "string" or not regexp.match("^[a-z][a-z0-9_]{0,63}$", name) then return false end
  return name ~= "absolute_error" and name ~= "squared_error" and name ~= "signed_error"
end

local function check_keys(map, known, what)
  if type(map) ~= "table" then refuse(what .. " is not a map") end
  for key in pairs(map) do
    if not known[key] then refuse(what .. " has the unknown key " .. tostring(key)) end
  end
end

-- Returns the policy with the defaults of what it leaves out, or refuses what no gate would follow.
local function read_policy(ref)
  local what = "gate/policy.yaml"
  local text = read(ref, what)
  if not text then refuse(what .. " is missing") end
  local ok, given = pcall(yaml.unmarshal, text)
  if not ok then refuse(what .. " is not YAML") end
  local policy = {
    metric = "mae",
    min_gain = 0,
    alpha = 0.05,
    min_clusters = 20,
    min_slice_rows = 30,
    min_slice_clusters = 5,
    must_beat_baseline = true,
    signatures = "optional",
    promotion = "auto",
    override_by = {},
    guards = {},
  }
  local known = {max_model_size_bytes = true, max_prediction_ms_per_1000_rows = true}
  for key in pairs(policy) do known[key] = true end
  check_keys(given, known, what)
  for key, value in pairs(given) do policy[key] = value end
  local sound = is_metric(policy.metric)
    and is_number(policy.min_gain) and policy.min_gain >= 0
    and is_number(policy.alpha) and policy.alpha > 0 and policy.alpha <= 0.5
    and is_whole(policy.min_clusters, 2, 1000000)
    and is_whole(policy.min_slice_rows, 1, 1000000)
    and is_whole(policy.min_slice_clusters, 2, 1000000)
    and (policy.max_model_size_bytes == nil or is_whole(policy.max_model_size_bytes, 1, 2^53))
    and (policy.max_prediction_ms_per_1000_rows == nil
      or is_number(policy.max_prediction_ms_per_1000_rows) and policy.max_prediction_ms_per_1000_rows > 0)
    and type(policy.must_beat_baseline) == "boolean"
    and (policy.signatures == "optional" or policy.signatures == "required")
    and (policy.promotion == "auto" or policy.promotion == "review")
    and type(policy.override_by) == "table" and #policy.override_by <= 20
    and type(policy.guards) == "table" and #policy.guards <= 100
    and (policy.metric ~= "none" or #policy.guards == 0)
  if not sound then refuse(what .. " has a value that is out of range") end
  for _, name in ipairs(policy.override_by) do
    if type(name) ~= "string" or name == "" then refuse("override_by of " .. what .. " lists no names") end
  end
  for _, entry in ipairs(policy.guards) do
    check_keys(entry, {metric = true, tolerance = true, by = true}, "a guard of " .. what)
    entry.by = entry.by or ""
    sound = is_metric(entry.metric) and entry.metric ~= "none" and is_number(entry.tolerance) and entry.tolerance > 0
      and type(entry.by) == "string" and regexp.match("^([A-Za-z_][0-9A-Za-z_]{0,63})?$", entry.by)
    if not sound then refuse("a guard of " .. what .. " has a value that is out of range") end
  end
  return policy
end
