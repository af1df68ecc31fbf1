-- Values between scripts and the host.

local function array(...)
  if select("#", ...) == 0 then error0("assertion failure", 0) end
  return (setmetatable((...), { _is_array = true }))
end

-- What a table means to Go; the result is { kind, ... } for the host. Raises in lakeFS's words.
local CANNOT = ": cannot pull go type into lua"
local pull

local function pull_array(t, depth)
  local last = rawlen(t)
  local values = {}
  for key, value in next, t do
    local at = type(key) == "number" and key or type(key) == "string" and tonumber0(key)
    if not at then
      error0("pull array: expected numeric index, got '" .. type(key) .. "'" .. CANNOT, 0)
    end
    at = trunc(at)
    if at < 1 then error0("runtime error: index out of range [" .. at - 1 .. "]", 0) end
    if at > last then last = at end
    values[at] = pull(value, depth + 1)
  end
  if last > 1e7 then error0("runtime error: index out of range [" .. last .. "]", 0) end
  return { "array", last, values }
end

local function pull_map(t, depth)
  local values, numbered = {}, false
  for key, value in next, t do
    if type(key) == "number" then numbered = true
    elseif type(key) ~= "string" then
      error0("key should be a string (" .. type(key) .. ")" .. CANNOT, 0)
    else values[key] = pull(value, depth + 1) end
  end
  if numbered then error0("invalid key to 'next'", 0) end
  return { "map", 0, values }
end

function pull(value, depth)
  local kind = type(value)
  if kind == "string" or kind == "boolean" or kind == "number" then return value end
  if kind ~= "table" then error0("pull table, unsupported type " .. kind .. CANNOT, 0) end
  if depth > 150 then error0("pull table, stack exhausted", 0) end
  local meta = getmetatable(value)
  if type(meta) == "table" and rawget(meta, "_is_array") then return pull_array(value, depth) end
  return pull_map(value, depth)
end

-- Calls `pull`; an error carries the position of the script's call, as Go's does, unless Lua itself raised it.
local function pulled(value, level)
  local ok, result = pcall0(pull, value, 1)
  if ok then return result end
  if result == "invalid key to 'next'" then level = 0 end
  error0(result, level == 0 and 0 or level + 1)
end

local function need_table(n, count, value)
  if type(value) == "table" then return end
  local got = value == nil and n > count and "no value" or type(value)
  error0("need a table at index " .. n .. ", got " .. got .. CANNOT, 3)
end

local S, N = str, int
local function module(name, functions) loaded[name] = functions end

local function simple(call, ...)
  local kinds = { ... }
  return function(...)
    local count, args = select("#", ...), { ... }
    for i = 1, #kinds do args[i] = kinds[i](i, count, args[i]) end
    local ok, result = call(unpack(args, 1, #kinds))
    if not ok then error0(result, 2) end
    return result
  end
end
