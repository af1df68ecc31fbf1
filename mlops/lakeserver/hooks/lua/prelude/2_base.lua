-- Base library.

local base = {
  _G = G, _VERSION = _VERSION,
  getmetatable = getmetatable, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall0, rawequal = rawequal,
  rawget = rawget, rawlen = rawlen, rawset = rawset, select = select, setmetatable = setmetatable,
  type = type,
}

function base.tostring(...)
  if select("#", ...) == 0 then error0("bad argument #1 to '?' (value expected)", 2) end
  local value = ...
  local meta = getmetatable(value)
  if type(value) == "number" then return number_text(value) end
  local method = type(meta) == "table" and rawget(meta, "__tostring")
  if method then
    local text = method(value)
    if type(text) == "number" then text = number_text(text) end
    return text
  end
  return tostring0(value)
end

function base.print(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local text = G.tostring((select(i, ...)))
    if type(text) == "number" then text = number_text(text) end
    if type(text) ~= "string" then error0("'tostring' must return a string to 'print'", 2) end
    parts[i] = text
  end
  host.print(concat0(parts, "\t") .. "\n")
end

function base.assert(...)
  local value, message = ...
  if value then return ... end
  local count = select("#", ...)
  if message == nil then message = "assertion failed!" else message = str(2, count, message) end
  error0(message, 2)
end

-- go-lua never calls the handler: it loses the error that the handler was to see.
function base.xpcall(...)
  if select("#", ...) < 2 then error0("bad argument #2 to '?' (value expected)", 2) end
  local outcome = pack((...), select(3, ...))
  outcome = pack(pcall0(unpack(outcome, 1, outcome.n)))
  if not outcome[1] then return false, "error in error handling" end
  return unpack(outcome, 1, outcome.n)
end

function base.error(...)
  local message, level = ...
  level = level == nil and 1 or int(2, select("#", ...), level)
  local kind = type(message)
  if kind == "number" then message = number_text(message)
  elseif kind ~= "string" then
    error0("bad argument #-1 to '?' (string expected, got " .. kind .. ")", 2)
  end
  error0(message, level > 0 and level + 1 or 0)
end

function base.tonumber(...)
  local count = select("#", ...)
  local value, radix = ...
  if radix == nil then
    if count == 0 then error0("bad argument #1 to '?' (value expected)", 2) end
    local number = tonumber0(value)
    if type(value) == "string" and number and (number ~= number or number == huge or number == -huge) then
      return nil
    end
    return number
  end
  local text, in_radix = str(1, count, value), int(2, count, radix)
  if in_radix < 2 or in_radix > 36 then error0("bad argument #2 to '?' (base out of range)", 2) end
  return (tonumber0(text, in_radix))
end

function base.collectgarbage(option)
  if option == nil or option == "collect" then collectgarbage0("collect") return 0 end
  if option == "step" then collectgarbage0("collect") return true end
  if option == "count" then
    local kilobytes = collectgarbage0("count")
    return floor(kilobytes), floor(kilobytes * 1024) % 1024
  end
  return -1
end

-- go-lua does not quote the word at which it stops.
local function compiled(chunk, problem)
  if chunk then return chunk end
  return nil, (gsub(problem, " near '(.*)'$", " near %1"))
end

-- Text only: bytecode could crash the interpreter.
function base.load(...)
  local count = select("#", ...)
  local chunk, name, mode = ...
  local kind = type(chunk)
  if kind == "number" then chunk, kind = number_text(chunk), "string" end
  if kind ~= "string" and kind ~= "function" then expected(1, count, chunk, "function", -1) end
  if mode ~= nil and not find(mode, "t", 1, true) then
    return nil, "attempt to load a text chunk (mode is '" .. mode .. "')"
  end
  if name == nil then name = kind == "string" and chunk or "=(load)" end
  if count >= 4 then return compiled(load0(chunk, name, "t", (select(4, ...)))) end
  return compiled(load0(chunk, name, "t"))
end

-- Modules.

local loaded, preload = {}, {}
local package = {
  loaded = loaded, preload = preload, path = "?.lua", config = "/\n;\n?\n!\n-\n",
  searchers = {
    function(name)
      local loader = preload[name]
      if loader == nil then return "\n\tno field package.preload['" .. name .. "']" end
      return loader
    end,
    function() return "?.lua" end,
  },
}

function base.require(...)
  local name = str(1, select("#", ...), (...))
  if loaded[name] then return loaded[name] end
  if type(package.searchers) ~= "table" then error0("'package.searchers' must be a table", 2) end
  local message, index = "", 1
  while true do
    local searcher = rawget(package.searchers, index)
    if searcher == nil then
      error0("module '" .. name .. "' not found: " .. message .. host.absent(name), 2)
    end
    local loader, extra = searcher(name)
    if type(loader) == "function" then
      local result = loader(name, extra)
      if result ~= nil then loaded[name] = result end
      if loaded[name] == nil then loaded[name] = true end
      return loaded[name]
    end
    if type(loader) == "string" then message = message .. loader end
    index = index + 1
  end
end
