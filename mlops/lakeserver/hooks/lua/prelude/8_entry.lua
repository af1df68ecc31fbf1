-- The script's globals.

for _, pair in next, { { "string", text }, { "table", tables }, { "math", maths }, { "bit32", bits },
                       { "debug", debugging }, { "package", package }, { "_G", G } } do
  loaded[pair[1]], base[pair[1]] = pair[2], pair[2]
end
base.array = array
getmetatable("").__index = text
for name in pairs(G) do G[name] = nil end
for name, value in next, base do G[name] = value end

-- Running.

local function mark(...) return setmetatable({ ... }, { _is_array = true }) end
local function mark_long(list) return setmetatable(list, { _is_array = true }) end

local STEP = 1000
local used, over = 0, false
local function count_instructions()
  used = used + STEP
  if used <= instruction_limit then return end
  if over and getinfo(2, "f").func == entry then return sethook() end
  over = true
  sethook(count_instructions, "", 1) -- from now on at every instruction, so that pcall cannot go on either
  error0("the script was ended after " .. instruction_limit .. " instructions", 0)
end

local function handler(message)
  if type(message) == "number" then message = number_text(message) end
  if type(message) ~= "string" then message = nil end
  local written = traceback(message, 3)
  return written
end

function entry(source)
  local chunk, problem = compiled(load0(source, "lua", "t"))
  if not chunk then return "syntax", problem end
  sethook(count_instructions, "", STEP)
  local ok, message = xpcall0(chunk, handler)
  sethook()
  if over then return "runtime", "the script was ended after " .. instruction_limit .. " instructions" end
  if ok then return "ok", "" end
  return "runtime", type(message) == "string" and message or "error in error handling"
end

return entry, G, mark, mark_long
