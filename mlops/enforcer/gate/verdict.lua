-- The verdict of a promotion, derived again from the paired losses and the policy of the first parent. Of a
-- policy commit and the set-up, only the policy that they bring is read.

-- include "shared/refuse.lua"
-- include "shared/read.lua"
-- include "shared/numbers.lua"
-- include "gate/merge.lua"
-- include "gate/policy.lua"
-- include "gate/approval.lua"
-- include "gate/intervals.lua"
-- include "gate/data_alone.lua"

local json = require("encoding/json")
local regexp = require("regexp")
local strings = require("strings")
local time = require("time")

if meta.kind ~= "promotion" and meta.kind ~= "policy" and meta.kind ~= "setup" then return end

if meta.kind ~= "promotion" then
  check_same_kind(read_policy(merged), "the policy")
  return
end

local policy = read_policy(head)
local text = read(merged, "reports/paired.json")
local paired = json.unmarshal(text)
local verdict = json.unmarshal(read(merged, "reports/decision.json")).verdict
local current = read(head, "champion.json")
local is_rolling = regexp.match("(^|\\n)kind:\\s*[\"']?rolling_origin", read(head, "gate/holdout.yaml") or "")

-- The evidence ---------------------------------------------------------------------------------------

local series = {} -- loss and slice to series
local function of(metric, slice)
  return series[loss_of(metric) .. " " .. slice]
end

local function check_series(s, name)
  local clusters, seen = #s.clusters, {}
  if #s.n ~= clusters then refuse(name .. " does not count the rows of its clusters") end
  for i = 1, clusters do
    if type(s.clusters[i]) ~= "string" or seen[s.clusters[i]] then
      refuse(name .. " names a cluster twice")
    end
    seen[s.clusters[i]] = true
    if not is_whole(s.n[i], 1, 2^53) then refuse(name .. " has a cluster without rows") end
  end
  if total(s.n) > 2^53 then refuse(name .. " has more rows than can be counted") end
  for _, who in ipairs({"candidate", "champion", "baseline"}) do
    local sums, absent = s[who], #s[who] == 0 and who ~= "candidate"
    -- JSON's null (a sum that is not finite) reads as nothing at all.
    if absent and clusters > 0 and regexp.match("[\\[:,]\\s*null", text) then
      refuse(name .. " has sums that are not finite")
    end
    if #sums ~= clusters and not absent then refuse(name .. " lacks sums of the " .. who) end
    for i = 1, #sums do
      if not is_number(sums[i]) then refuse(name .. " has sums that are not finite") end
      if sums[i] < 0 and s.loss ~= "signed_error" then refuse(name .. " has negative sums") end
    end
  end
  if #s.champion > 0 and not paired.has_champion then
    refuse(name .. " has sums of a champion, although none was scored")
  end
end

-- In nanoseconds; a time without an offset is UTC.
local function instant(written)
  for _, form in ipairs({"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02"}) do
    local ok, found = pcall(time.parse, form, written)
    if ok then return found end
  end
  refuse("'" .. tostring(written) .. "' is not a time, so training and holdout cannot be told apart")
end

-- Several periods, each of which judges the models that were trained before it.
local function check_folds()
  local folds, rows = paired.folds or {}, 0
  if #folds == 0 then
    if is_rolling then refuse("the evidence is not of the periods of a rolling origin") end
    return
  end
  for i, fold in ipairs(folds) do
    local begins, who = instant(fold.begins), {fold.candidate_trained_until}
    if i > 1 and begins <= instant(folds[i - 1].begins) then refuse("the periods are not in order") end
    if not is_whole(fold.rows, 1, 2^53) then refuse("a period of the holdout has no rows") end
    rows = rows + fold.rows
    if paired.has_champion then who[2] = fold.champion_trained_until end
    for _, trained_until in ipairs(who) do
      if instant(trained_until) >= begins then
        refuse("a model was trained until " .. trained_until .. ", into the period that judges it")
      end
    end
  end
  if rows ~= paired.rows then refuse("the periods do not cover all rows of the holdout") end
  if paired.holdout_from == "" or instant(paired.holdout_from) ~= instant(folds[#folds].begins) then
    refuse("the newest period does not begin where the holdout does")
  end
end

local function check_leaks()
  if paired.train_overlap ~= 0 then refuse("rows of the holdout were trained on") end
  check_folds()
  if paired.holdout_from == "" then return end
  local from, who = instant(paired.holdout_from), {paired.candidate_trained_until}
  if paired.has_champion then who[2] = paired.champion_trained_until end
  for _, trained_until in ipairs(who) do
    if instant(trained_until) >= from then
      refuse("a model was trained until " .. trained_until .. ", into the holdout")
    end
  end
end

local function check_champion()
  if policy.metric == "none" then
    if paired.has_champion or #paired.series > 0 then
      refuse("the policy judges data without a model, and the evidence is of a model")
    end
    return
  end
  -- A champion that cannot be scored is passed over only on purpose, with a reason on record.
  if current and not paired.has_champion and strings.trim(meta.replace_unscorable or "") ~= "" then
    return
  end
  if paired.has_champion ~= (current ~= nil) then
    refuse("the candidate was not compared with the champion on main")
  end
  if not current then return end
  -- Rows of some pipelines have no time: then both are empty.
  local trained_until = json.unmarshal(current).trained_until
  if trained_until ~= paired.champion_trained_until
      and instant(trained_until) ~= instant(paired.champion_trained_until) then
    refuse("the champion was trained until another time than the evidence says")
  end
end

local function check_evidence()
  if not is_whole(paired.rows, 1, 2^53) then refuse("the holdout has no rows") end
  for _, s in ipairs(paired.series) do
    local name = "the " .. s.loss .. " of " .. s.slice
    if series[s.loss .. " " .. s.slice] then refuse(name .. " is recorded twice") end
    series[s.loss .. " " .. s.slice] = s
    check_series(s, name)
  end
  check_leaks()
  check_champion()
end

-- What is compared, in the order of the intervals ----------------------------------------------------

local function slices_of(metric, column)
  local found, covered = {}, 0
  for _, s in ipairs(paired.series) do
    if s.loss == loss_of(metric) and strings.has_prefix(s.slice, column .. "=") then
      table.insert(found, s.slice)
      covered = covered + total(s.n)
    end
  end
  if #found == 0 or covered ~= paired.rows then
    refuse("the evidence by " .. column .. " covers " .. covered .. " of " .. paired.rows .. " rows")
  end
  table.sort(found)
  return found
end

-- Slices of guards that are too small to judge; all rows are always judged.
local not_judged = {}
local function too_small(metric, slice)
  local s = slice ~= "all" and of(metric, slice)
  if not s then return false end
  local rows, clusters = total(s.n), #s.clusters
  if rows >= policy.min_slice_rows and clusters >= policy.min_slice_clusters then return false end
  not_judged[#not_judged + 1] = {
    name = metric .. " " .. slice, rows = rows, clusters = clusters,
    min_rows = policy.min_slice_rows, min_clusters = policy.min_slice_clusters,
  }
  return true
end

local function plan()
  local asked = {}
  if policy.metric == "none" then return asked end
  local function ask(metric, slice, against, bound, is_guard)
    local s, name = of(metric, slice), metric .. " of the " .. against .. " on " .. slice
    local least = slice == "all" and policy.min_clusters or 2
    if not s or #s[against] == 0 then refuse("there is no " .. name) end
    if #s.clusters < least then refuse("cannot tell from " .. #s.clusters .. " clusters: " .. name) end
    if slice == "all" and total(s.n) ~= paired.rows then refuse("not all rows are covered: " .. name) end
    asked[#asked + 1] = {
      metric = metric, slice = slice, against = against, bound = bound, guard = is_guard,
    }
  end
  if paired.has_champion then ask(policy.metric, "all", "champion", policy.min_gain, false) end
  if policy.must_beat_baseline or not paired.has_champion then
    ask(policy.metric, "all", "baseline", 0, false)
  end
  for _, entry in ipairs(paired.has_champion and policy.guards or {}) do
    for _, slice in ipairs(entry.by == "" and {"all"} or slices_of(entry.metric, entry.by)) do
      if not too_small(entry.metric, slice) then ask(entry.metric, slice, "champion", entry.tolerance, true) end
    end
  end
  return asked
end

local function in_order(s, who)
  local order, sums, n = {}, {}, {}
  for i = 1, #s.clusters do order[i] = i end
  table.sort(order, function(a, b) return s.clusters[a] < s.clusters[b] end)
  for i, k in ipairs(order) do sums[i], n[i] = s[who][k], s.n[k] end
  return sums, n
end

local function derive(asked, stated, level)
  local s = of(asked.metric, asked.slice)
  local sums, n = in_order(s, "candidate")
  local candidate, moves = linearised(sums, n, asked.metric)
  sums = in_order(s, asked.against)
  local other, other_moves = linearised(sums, n, asked.metric)
  local sign = asked.guard and 1 or -1
  for i = 1, #n do moves[i] = sign * (moves[i] - other_moves[i]) end
  local found = {
    name = asked.slice == "all" and asked.metric or asked.metric .. " " .. asked.slice,
    against = asked.against, candidate = candidate, other = other,
    difference = sign * (candidate - other), std_error = std_error(moves, n), freedom = degrees_of_freedom(n), critical = stated.critical,
    clusters = #n, rows = total(n), level = level, bound = asked.bound,
  }
  if not is_critical(stated.critical, found.freedom, level) then
    refuse("the interval of " .. found.name .. " is not at the level that is left for this look")
  end
  found.lower = found.difference - found.critical * found.std_error
  found.upper = found.difference + found.critical * found.std_error
  if asked.guard then
    found.holds = found.upper < asked.bound
  else
    found.holds = found.difference > asked.bound and found.difference > 0 and found.lower > 0
  end
  return found
end

-- The verdict ----------------------------------------------------------------------------------------

local function agree(a, b)
  if type(a) ~= "number" or type(b) ~= "number" then return a == b end
  return a == b or math.abs(a - b) <= 1e-9 * math.max(math.abs(a), math.abs(b))
end

check_approval(policy)
local overridden = is_overridden(policy, verdict)
check_model(policy)
check_evidence()
if policy.metric == "none" then
  check_suites(paired.rows)
elseif paired.interval ~= INTERVAL or verdict.interval ~= INTERVAL then
  refuse("the intervals are not computed by the rule " .. INTERVAL)
end
if not is_whole(verdict.look, 1, 1e9) then refuse("the decision does not say which look it is") end
local level = policy.alpha / (verdict.look * (verdict.look + 1))
if not agree(level, verdict.level) then
  refuse("look " .. verdict.look .. " has the level " .. level .. ", not " .. tostring(verdict.level))
end
local asked = plan()
if #asked ~= #verdict.intervals then
  refuse("the policy asks for " .. #asked .. " comparisons, the decision has " .. #verdict.intervals)
end
for i, comparison in ipairs(asked) do
  local stated = verdict.intervals[i]
  local found = derive(comparison, stated, level)
  for key, value in pairs(found) do
    if not agree(value, stated[key]) then
      refuse("the " .. key .. " of " .. found.name .. " is " .. tostring(value) .. " by the evidence, "
        .. tostring(stated[key]) .. " in the decision")
    end
  end
  if not is_number(found.lower) or not is_number(found.upper) or not (found.holds or overridden) then
    refuse(found.name .. " against the " .. found.against .. " does not hold, so nothing is promoted")
  end
end
local stated = verdict.not_judged or {}
if #stated ~= #not_judged then
  refuse(#not_judged .. " slices are too small to judge, the decision names " .. #stated)
end
for i, slice in ipairs(not_judged) do
  for key, value in pairs(slice) do
    if stated[i][key] ~= value then refuse("the decision misnames " .. slice.name .. ", which is not judged") end
  end
end

-- Bounds of the model's size and of its prediction time; promotion_record.lua adds up the size itself.
local measured, bounds = paired.footprint, {}
if measured and not (is_whole(measured.model_size_bytes, 0, 2^53)
    and is_number(measured.prediction_ms_per_1000_rows) and measured.prediction_ms_per_1000_rows >= 0) then
  refuse("the model's size or prediction time is not a number that a model can have")
end
for _, name in ipairs({"model_size_bytes", "prediction_ms_per_1000_rows"}) do
  local maximum = policy["max_" .. name]
  if maximum and not measured then refuse("the evidence does not say the " .. name .. ", which is bounded") end
  if maximum then bounds[#bounds + 1] = {name = name, value = measured[name], maximum = maximum, holds = measured[name] <= maximum} end
end
if #bounds ~= #(verdict.bounds or {}) then refuse("the decision has other bounds than the policy") end
for i, bound in ipairs(bounds) do
  if not (bound.holds or overridden) then refuse("the " .. bound.name .. " is above " .. bound.maximum) end
  for key, value in pairs(bound) do
    if not agree(verdict.bounds[i][key], value) then refuse("the decision misstates the " .. bound.name) end
  end
end
