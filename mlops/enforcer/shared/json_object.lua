-- JSON objects in the repository.

-- include "shared/refuse.lua"
-- include "shared/read.lua"

local json = require("encoding/json")

local function parse(text, path)
  if not text then refuse(path .. " is missing") end
  local ok, value = pcall(json.unmarshal, text)
  if not ok or type(value) ~= "table" then refuse(path .. " is not a JSON object") end
  return value
end

-- Returns the object at a path, or nil where there is none.
local function read_json(ref, path)
  local text = read(ref, path)
  return text and parse(text, path)
end
