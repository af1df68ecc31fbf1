-- Estimates, their standard errors and degrees of freedom, as mlops/runs/gate/intervals.py and variance.py compute
-- them: every sum from left to right, grouped alike, so that both come to the same digits.

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

-- The rule of every interval; evidence by another one is refused.
local INTERVAL = "cr2"

local function sum_over(count, term)
  local sum = 0
  for i = 1, count do sum = sum + term(i) end
  return sum
end

local function std_error(moves, n)
  local largest, rows = 0, total(n)
  for i = 1, #moves do largest = math.max(largest, math.abs(moves[i])) end
  if largest == 0 then return 0 end
  return largest * math.sqrt(sum_over(#moves, function(i)
    return (moves[i] / largest) * (moves[i] / largest) / ((rows - n[i]) / rows)
  end))
end

-- Satterthwaite's degrees of freedom, the smaller of those for independent errors and for errors that are the
-- same in all rows of a cluster. Pairs with the largest cluster are added by themselves.
local function degrees_of_freedom(n)
  local rows, at = total(n), 1
  for i = 2, #n do if n[i] > n[at] then at = i end end
  local w, q = {}, {}
  for i = 1, #n do
    if i ~= at then
      w[#w + 1] = n[i] / rows
      q[#q + 1] = n[i] / rows * (n[i] / rows) / ((rows - n[i]) / rows)
    end
  end
  local function over(term) return sum_over(#w, function(i) return term(q[i], w[i]) end) end
  local w_l, rest_l = n[at] / rows, (rows - n[at]) / rows
  local q_l, s_others = w_l * w_l / rest_l, over(function(_, b) return b * b end)
  local s, q0 = w_l * w_l + s_others, total(q)
  local independent = 1 / (s + (2 * q_l * q0 + (q0 * q0 - over(function(a) return a * a end))))
  local own_l = q_l * (rest_l * rest_l + s_others)
  local trace = own_l + over(function(a, b) return a * (1 - 2 * b + s) end)
  local own = over(function(a, b) return (a * (1 - 2 * b + s)) * (a * (1 - 2 * b + s)) end)
  local with_l = q_l * over(function(a, b)
    local apart = s_others - w_l * rest_l - b
    return a * (apart * apart)
  end)
  local q1 = over(function(a, b) return a * b end)
  local q2 = over(function(a, b) return a * b * b end)
  local same = over(function(a, b) return (a * (s - 2 * b)) * (a * (s - 2 * b)) end)
  local among = s * s * q0 * q0 + 2 * q2 * q0 - 4 * s * q1 * q0 + 2 * q1 * q1 - same
  local squares = own_l * own_l + own + (2 * with_l + among)
  return math.min(independent, trace * trace / squares)
end

-- Gamma(a + 1/2) / Gamma(a): the asymptotic series where it has converged, and back from there.
local function gamma_ratio(a)
  local factor = 1
  while a < 24 do factor, a = factor * a / (a + 0.5), a + 1 end
  local z, series = 1 / a, 0
  for _, c in ipairs({39325 / 33554432, 869 / 4194304, -399 / 262144, -21 / 32768, 5 / 1024, 1 / 128, -1 / 8, 1}) do
    series = series * z + c
  end
  return factor * math.sqrt(a) * series
end

-- Whether a t variable with `freedom` degrees, whole or not, lies outside -t..t with the probability `level`.
--
-- That probability is the incomplete beta function I_x(a, 1/2) with a = freedom / 2, x = freedom / (freedom +
-- t^2); it is computed by the continued fraction of Abramowitz & Stegun 26.5.8, from its head (Lentz). Its slope
-- in t, times t, is freedom times the factor before the fraction: that tells how far t can be from the quantile.
local function is_critical(t, freedom, level)
  if not is_number(t) or t <= 0 then return false end
  local a, x = freedom / 2, freedom / (freedom + t * t)
  local before = x ^ ((freedom + 1) / 2) * t / math.sqrt(freedom) * gamma_ratio(a) / math.sqrt(math.pi) / a
  local c, d = 1, 1 / (1 - (a + 0.5) * x / (a + 1))
  local fraction, m = d, 1
  repeat
    local even = m * (0.5 - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    c, d = 1 + even / c, 1 / (1 + even * d)
    fraction = fraction * c * d
    local odd = -(a + m) * (a + 0.5 + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    c, d = 1 + odd / c, 1 / (1 + odd * d)
    fraction, m = fraction * c * d, m + 1
  until math.abs(c * d - 1) < 1e-15 or m > 10000
  return math.abs(before * fraction - level) <= 1e-9 * freedom * before
end
