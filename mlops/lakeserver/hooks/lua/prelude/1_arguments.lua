-- The world that a script sees: Lua 5.2 as lakeFS offers it (go-lua's library, not C's), and lakeFS's modules.
-- The parts of this folder are one chunk, in the order of their names. It runs once for each script, before it,
-- with the functions of the host, and gives back what runs the script.
-- Nothing that the host hands over is reachable from a script: each host function stands behind a Lua function.

local host, instruction_limit = ...

local error0, pcall0, xpcall0, load0, type, rawget, rawset, select, pairs, next, setmetatable, getmetatable =
  error, pcall, xpcall, load, type, rawget, rawset, select, pairs, next, setmetatable, getmetatable
local tostring0, tonumber0, rawlen, collectgarbage0 = tostring, tonumber, rawlen, collectgarbage
local format, find, sub, gsub = string.format, string.find, string.sub, string.gsub
local byte, char, rep = string.byte, string.char, string.rep
local concat0, unpack, pack = table.concat, table.unpack, table.pack
local floor, huge = math.floor, math.huge
local getinfo, sethook = debug.getinfo, debug.sethook
local G = _G

-- Numbers as Go prints them.

local function number_text(n)
  if n ~= n then return "NaN" elseif n == huge then return "+Inf" elseif n == -huge then return "-Inf" end
  return format("%.14g", n)
end

-- Arguments, checked in go-lua's words; the position named is that of the caller of the library function ------

local function bad(n, message, level) error0("bad argument #" .. n .. " to '?' (" .. message .. ")", level) end

-- `deeper` counts the functions of this file between the library function and the check.
local function expected(n, count, value, wanted, deeper)
  local got = type(value)
  if value == nil and n > count then got = "no value" end
  error0("bad argument #" .. n .. " to '?' (" .. wanted .. " expected, got " .. got .. ")", 4 + (deeper or 0))
end

local function str(n, count, value, deeper)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" then return number_text(value) end
  expected(n, count, value, "string", deeper)
end

local function num(n, count, value, deeper)
  local kind = type(value)
  if kind == "number" then return value end
  local number = kind == "string" and tonumber0(value)
  if not number then expected(n, count, value, "number", deeper) end
  return number
end

local function trunc(number)
  if number ~= number then return 0 end
  return number < 0 and -floor(-number) or floor(number)
end

local function int(n, count, value, deeper)
  local number = num(n, count, value, (deeper or 0) + 1)
  return trunc(number)
end
