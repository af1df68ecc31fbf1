-- Checks of numbers that come from JSON or YAML.

local function is_number(value)
  return type(value) == "number" and value == value and math.abs(value) < math.huge
end

local function is_whole(value, least, most)
  return is_number(value) and value % 1 == 0 and value >= least and value <= most
end
