-- Estimates and their standard errors, as mlops/runs/gate/intervals.py computes them: every sum from left to
-- right, grouped alike, so that both come to the same digits.

-- include "shared/numbers.lua"

local function total(list)
  local sum = 0
  for i = 1, #list do sum = sum + list[i] end
  return sum
end

local function linearised(sums, n, metric)
  local rows = total(n)
  local mean = total(sums) / rows
  local value, slope = mean, 1
  if metric == "rmse" then
    value = math.sqrt(mean)
    slope = value > 0 and 1 / (2 * value) or 0
  elseif metric == "bias" then
    value, slope = math.abs(mean), mean < 0 and -1 or 1
  end
  local moves = {}
  for i = 1, #n do moves[i] = slope * (sums[i] - mean * n[i]) / rows end
  return value, moves
end

local function std_error(moves)
  local largest, squares = 0, {}
  for i = 1, #moves do largest = math.max(largest, math.abs(moves[i])) end
  if largest == 0 then return 0 end
  for i = 1, #moves do squares[i] = (moves[i] / largest) * (moves[i] / largest) end
  return largest * math.sqrt(#moves / (#moves - 1) * total(squares))
end

-- Whether a t variable with `freedom` degrees lies outside -t..t with the probability `level`.
--
-- That probability is what the finite sums of Abramowitz & Stegun 26.7.3 and 26.7.4 leave out when they
-- are continued without end, so it is summed without cancellation, however small it is. Its slope in t
-- is the first term left out, times freedom / t: that tells how far t can be from the true quantile.
local function is_critical(t, freedom, level)
  if not is_number(t) or t <= 0 then return false end
  local x, odd = freedom / (freedom + t * t), freedom % 2
  local term = t / math.sqrt(freedom + t * t)
  if odd == 1 then term = 2 / math.pi * term * math.sqrt(x) end
  local k = 1 + odd
  while k < freedom do
    term, k = term * k / (k + 1) * x, k + 2
  end
  local first, sum = term, 0
  while term > sum * 1e-18 do
    sum = sum + term
    term, k = term * k / (k + 1) * x, k + 2
  end
  return math.abs(sum - level) <= 1e-9 * freedom * first
end
