-- table, math, bit32, debug.

local tables = {
  insert = table.insert, pack = table.pack, remove = table.remove, sort = table.sort, unpack = table.unpack,
}

function tables.concat(...)
  local count = select("#", ...)
  local list, separator, first, last = ...
  if type(list) ~= "table" then expected(1, count, list, "table", -1) end
  separator = separator == nil and "" or str(2, count, separator)
  first = first == nil and 1 or int(3, count, first)
  last = last == nil and #list or int(4, count, last)
  if type(last) ~= "number" then error0("object length is not a number", 2) end
  local parts = {}
  for i = first, last do
    local value = rawget(list, i)
    local kind = type(value)
    if kind == "number" then value = number_text(value)
    elseif kind ~= "string" then
      error0("invalid value (" .. kind .. ") at index " .. i .. " in table for 'concat'", 2)
    end
    parts[#parts + 1] = value
  end
  return concat0(parts, separator)
end

local maths = {}
for name, value in pairs(math) do maths[name] = value end
maths.log10, maths.huge = nil, 1.7976931348623157e308

local function extreme(better, strongest)
  return function(...)
    local count = select("#", ...)
    local result = num(1, count, (...))
    for i = 2, count do
      local value = num(i, count, (select(i, ...)))
      if result == strongest or value == strongest then result = strongest
      elseif value ~= value or result ~= result then result = 0 / 0
      elseif better(value, result) then result = value end
    end
    return result
  end
end
maths.max = extreme(function(a, b) return a > b end, huge)
maths.min = extreme(function(a, b) return a < b end, -huge)

function maths.random(...)
  local count = select("#", ...)
  local r = host.random()
  if count == 0 then return r end
  if count > 2 then error0("wrong number of arguments", 2) end
  local low, high = 1, num(1, count, (...))
  if count == 2 then low, high = high, num(2, count, (select(2, ...))) end
  if low > high then error0("bad argument #" .. count .. " to '?' (interval is empty)", 2) end
  return floor(r * (high - low + 1)) + low
end
function maths.randomseed(...) num(1, select("#", ...), (...)) end

local bits = {}
for name, call in pairs(bit32) do
  local unsigned = (name == "replace" and 2) or (find(name, "^b") and huge) or 1
  bits[name] = function(...)
    local args = pack(...)
    for i = 1, args.n do
      local n = num(i, args.n, args[i])
      args[i] = i <= unsigned and floor(n) or trunc(n)
    end
    local result = pack(pcall0(call, unpack(args, 1, args.n)))
    if not result[1] then error0((gsub(result[2], "to '[^']*'", "to '?'")), 2) end
    return unpack(result, 2, result.n)
  end
end

-- Tracebacks in go-lua's form: a library function is `[Go]`, whatever of it lies in this file.
local here = getinfo(1, "S").source
local entry

-- Finding a frame takes time in proportion to its depth, so of a very deep stack only both ends are looked at.
local ENDS = 40
local function deepest(level)
  local low, high = level, level * 2
  while getinfo(high, "l") do low, high = high, high * 2 end
  while high - low > 1 do
    local middle = floor((low + high) / 2)
    if getinfo(middle, "l") then low = middle else high = middle end
  end
  return low
end

local function traceback(message, level)
  local lines, frames, was_library = {}, 0, false
  local from, to = huge, 0
  if getinfo(level + 4 * ENDS, "l") then from, to = level + ENDS, deepest(level + 4 * ENDS) - ENDS end
  while true do
    if level == from then level = to end
    local info = getinfo(level, "Slnft")
    if not info or info.func == entry then break end
    local library = info.what == "C" or info.source == here
    if library then
      if not was_library then lines[#lines + 1] = "\n\t[Go]: in ?" end
    else
      local position = info.short_src .. ":" .. (info.currentline > 0 and info.currentline .. ":" or "")
      local where = info.what == "main" and "main chunk"
        or "function <" .. info.short_src .. ":" .. info.linedefined .. ">"
      lines[#lines + 1] = "\n\t" .. position .. " in " .. where
      if info.istailcall then lines[#lines + 1] = "\n\t(...tail calls...)" end
    end
    was_library = library
    level, frames = level + 1, frames + 1
  end
  if #lines > 0 and was_library and entry then lines[#lines] = nil end -- the xpcall that runs the script
  if #lines > 22 then
    local kept = { unpack(lines, 1, 11) }
    kept[12] = "\n\t..."
    for i = #lines - 9, #lines do kept[#kept + 1] = lines[i] end
    lines = kept
  end
  return (message and message ~= "" and message .. "\n" or "") .. "stack traceback:" .. concat0(lines)
end

local debugging = {}
function debugging.traceback(...)
  local message, level = ...
  if message ~= nil and type(message) ~= "string" and type(message) ~= "number" then return message end
  local written = traceback(message and str(1, 1, message), (level == nil and 1 or int(2, 2, level)) + 2)
  return written
end
