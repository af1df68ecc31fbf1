-- string.

local text = { byte = byte, char = char, len = string.len, sub = sub }

-- C's own would take a count of 2^31 for a negative one.
function text.rep(...)
  local count = select("#", ...)
  local s, n, separator = ...
  s, n = str(1, count, s), int(2, count, n)
  separator = separator == nil and "" or str(3, count, separator)
  if n > 0 and (#s + #separator) * n >= 2^31 then error0("resulting string too large", 2) end
  return rep(s, n, separator)
end

local function with_host(name)
  local call, ascii = host[name], string[name]
  return function(...)
    local s = str(1, select("#", ...), (...))
    if not find(s, "[\128-\255]") then return ascii(s) end
    local _, result = call(s)
    return result
  end
end
text.lower, text.upper, text.reverse = with_host("lower"), with_host("upper"), with_host("reverse")

-- go-lua has no patterns: `find` looks for the text as it stands.
function text.find(...)
  local count = select("#", ...)
  local s, what, init, plain = ...
  s, what = str(1, count, s), str(2, count, what)
  init = init == nil and 1 or int(3, count, init)
  if init < 0 then init = -init > #s and 0 or #s + init + 1 end
  if init < 1 then init = 1 elseif init > #s + 1 then return nil end
  if count >= 4 and not plain and find(what, "[%^%$%*%+%?%.%(%[%%%-]") then
    error0("assertion failure", 0)
  end
  return find(s, what, init, true)
end

-- The fewest digits that read back as `n`; an exponent below 1e-4 and from 1e6 on.
local function shortest(n)
  for digits = 1, 17 do
    local written = format("%." .. digits - 1 .. "e", n)
    if tonumber0(written) == n then
      local exponent = tonumber0(sub(written, (find(written, "e", 1, true)) + 1))
      if exponent < -4 or exponent >= 6 then return written end
      return format("%." .. (digits - 1 > exponent and digits - 1 - exponent or 0) .. "f", n)
    end
  end
end

local function pad(s, flags, width, zeros)
  local _, continuation = gsub(s, "[\128-\191]", "")
  local missing = width - (#s - continuation)
  if missing <= 0 then return s end
  if find(flags, "-", 1, true) then return s .. rep(" ", missing) end
  return rep(zeros and find(flags, "0", 1, true) and "0" or " ", missing) .. s
end

local function first_characters(s, count)
  local at = 1
  for _ = 1, count do
    if at > #s then break end
    at = (find(s, "[^\128-\191]", at + 1) or #s + 1)
  end
  return sub(s, 1, at - 1)
end

local function quoted(s)
  s = gsub(s, '["\\\n]', "\\%0")
  s = gsub(s, "([%z\1-\9\11-\31\127])(%d?)", function(control, digit)
    return format(digit == "" and "\\%d" or "\\%03d", byte(control)) .. digit
  end)
  return '"' .. s .. '"'
end

local function float_text(verb, flags, width, precision, n)
  if n ~= n or n == huge or n == -huge then
    local name = n ~= n and "NaN" or n > 0 and "+Inf" or "-Inf"
    if n ~= n and find(flags, "+", 1, true) then name = "+NaN" end
    return pad(name, flags, width)
  end
  if (verb == "g" or verb == "G") and precision == "" then
    local written = shortest(n)
    if verb == "G" then written = gsub(written, "e", "E") end
    if find(flags, "+", 1, true) and n >= 0 then written = "+" .. written end
    return pad(written, flags, width, true)
  end
  return format("%" .. flags .. (width > 0 and width or "") .. precision .. verb, n)
end

local conversions = {}
for verb in ("eEfgG"):gmatch(".") do
  conversions[verb] = function(index, count, value, flags, width, precision)
    local n = num(index, count, value, 1)
    return float_text(verb, flags, width, precision, n)
  end
end
for verb in ("di"):gmatch(".") do
  conversions[verb] = function(index, count, value, flags, width, precision)
    local n = num(index, count, value, 1)
    if floor(n) ~= n or n < -2^63 or n >= 2^63 then bad(index, "number has no integer representation", 4) end
    return format("%" .. flags .. (width > 0 and width or "") .. precision .. "d", n)
  end
end
for verb in ("uoxX"):gmatch(".") do
  conversions[verb] = function(index, count, value, flags, width, precision)
    local n = num(index, count, value, 1)
    if not (n >= 0 and n < 2^64) or verb == "u" and floor(n) ~= n then
      bad(index, "not a non-negative number in proper range", 4)
    end
    return format("%" .. flags .. (width > 0 and width or "") .. precision .. verb, floor(n))
  end
end
function conversions.c(index, count, value, flags, width)
  local code = int(index, count, value, 1)
  return pad(char(code % 256), flags, width, true)
end
function conversions.q(index, count, value)
  local s = str(index, count, value, 1)
  return quoted(s)
end
function conversions.s(index, count, value, flags, width, precision)
  local s = base.tostring(value)
  if type(s) ~= "string" then s = "" end
  if precision == "" and #s >= 100 then return s end
  if precision ~= "" then s = first_characters(s, tonumber0(sub(precision, 2)) or 0) end
  return pad(s, flags, width, true)
end

function text.format(...)
  local count = select("#", ...)
  local pattern = str(1, count, (...))
  local out, at, index = {}, 1, 1
  while true do
    local mark = find(pattern, "%", at, true)
    if not mark then break end
    out[#out + 1] = sub(pattern, at, mark - 1)
    if sub(pattern, mark + 1, mark + 1) == "%" then
      out[#out + 1], at = "%", mark + 2
    else
      local _, stop, flags, width = find(pattern, "^([-+ #0]*)(%d?%d?)", mark + 1)
      local _, stop_precision, precision = find(pattern, "^(%.%d?%d?)", stop + 1)
      stop = (stop_precision or stop) + 1
      local verb = sub(pattern, stop, stop)
      if verb == "" then error0(pattern, 0) end
      index = index + 1
      if index > count then bad(index, "no value", 3) end
      if #flags >= 5 then error0("invalid format (repeated flags)", 2) end
      if find(verb, "%d") then error0("invalid format (width or precision too long)", 2) end
      local convert = conversions[verb]
      if not convert then error0("invalid option %" .. verb .. " to 'lua_pushfstring'", 0) end
      local written = convert(index, count, (select(index, ...)), flags, tonumber0(width) or 0, precision or "")
      out[#out + 1], at = written, stop + 1
    end
  end
  out[#out + 1] = sub(pattern, at)
  return concat0(out)
end
