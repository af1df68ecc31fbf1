-- lakeFS's modules.

module("hook", {
  fail = function(...)
    error0("<HookFailure>" .. str(1, select("#", ...), (...)) .. "</HookFailure>", 2)
  end,
})

local function marshal(call)
  return function(...)
    local count = select("#", ...)
    local value, options = ...
    if value ~= nil or count == 0 then
      need_table(1, count, value)
      value = pulled(value, 2)
    end
    local prefix, indent = "", ""
    if options ~= nil and call == host.json_marshal then
      need_table(2, count, options)
      pulled(options, 2)
      prefix, indent = options.prefix or "", options.indent or ""
      if type(prefix) ~= "string" or type(indent) ~= "string" or getmetatable(options) then
        error0("interface conversion: interface {} is not string", 2)
      end
    end
    local ok, result = call(value, prefix, indent)
    if not ok then error0(result, 2) end
    return result
  end
end
module("encoding/json", { marshal = marshal(host.json_marshal), unmarshal = simple(host.json_unmarshal, S) })
module("encoding/yaml", { marshal = marshal(host.yaml_marshal), unmarshal = simple(host.yaml_unmarshal, S) })
module("encoding/hex", { encode = simple(host.hex_encode, S), decode = simple(host.hex_decode, S) })
module("encoding/base64", {
  encode = simple(host.base64_encode, S), decode = simple(host.base64_decode, S),
  url_encode = simple(host.base64_url_encode, S), url_decode = simple(host.base64_url_decode, S),
})
module("crypto/sha256", { digest = simple(host.sha256, S) })
module("crypto/hmac", { sign_sha256 = simple(host.hmac_sha256, S, S), sign_sha1 = simple(host.hmac_sha1, S, S) })
module("uuid", { new = simple(host.uuid) })
module("regexp", {
  match = simple(host.regexp_match, S, S), quote_meta = simple(host.regexp_quote, S),
  compile = function(...)
    local pattern = str(1, select("#", ...), (...))
    local ok, problem = host.regexp_check(pattern)
    if not ok then error0(problem, 2) end
    local function bound(call, ...)
      local checked = simple(function(...) return call(pattern, ...) end, ...)
      return checked
    end
    return {
      find = bound(host.regexp_find, S), find_all = bound(host.regexp_find_all, S, N),
      find_submatch = bound(host.regexp_find_submatch, S),
      find_all_submatch = bound(host.regexp_find_all_submatch, S, N),
    }
  end,
})

local function starts(s, prefix) return sub(s, 1, #prefix) == prefix end
local function ends(s, suffix) return suffix == "" or sub(s, -#suffix) == suffix end
local function answer(test)
  return function(...)
    local count = select("#", ...)
    local a, b = ...
    a, b = str(1, count, a), str(2, count, b)
    return test(a, b)
  end
end
module("strings", {
  split = simple(host.split, S, S), trim = simple(host.trim, S), replace = simple(host.replace, S, S, S, N),
  has_prefix = answer(starts), has_suffix = answer(ends),
  contains = answer(function(a, b) return find(a, b, 1, true) ~= nil end),
})

local function last_position(s, what)
  if what == "" then return #s + 1 end
  local at, found = 0, nil
  while true do
    at = find(s, what, at + 1, true)
    if not at then return found end
    found = at
  end
end
local function split_path(path, separator)
  if ends(path, separator) then path = sub(path, 1, -2) end
  local at = last_position(path, separator)
  if not at then return "", path end
  return sub(path, 1, at), sub(path, at + 1)
end
module("path", {
  default_separator = function() return "/" end,
  parse = function(...)
    local count = select("#", ...)
    local path, separator = ...
    path = str(1, count, path)
    separator = count < 2 and "/" or str(2, count, separator)
    local parent, name = split_path(path, separator)
    return { parent = parent, base_name = name }
  end,
  join = function(...)
    local count = select("#", ...)
    local separator = str(1, count, (...))
    local out = {}
    for i = 2, count do
      local part = select(i, ...)
      if type(part) == "number" then part = number_text(part) end
      if type(part) ~= "string" then error0("invalid type, string expected", 2) end
      if i > 2 and starts(part, separator) then part = sub(part, #separator + 1) end
      if i < count and not ends(part, separator) then part = part .. separator end
      out[#out + 1] = part
    end
    return concat0(out)
  end,
  is_hidden = function(...)
    local count = select("#", ...)
    local path, separator, prefix = ...
    path = str(1, count, path)
    separator = count < 2 and "/" or str(2, count, separator)
    prefix = count < 3 and "_" or str(3, count, prefix)
    while path ~= "" do
      local parent, name = split_path(path, separator)
      if starts(name, prefix) then return true end
      path = parent
    end
    return false
  end,
  extract_dir_name = simple(host.clean_dir, S),
})

module("time", {
  now = function() return host.now() end,
  since = function(...)
    local start = num(1, select("#", ...), (...))
    return host.now() - start
  end,
  sleep = simple(host.sleep, N),
  format = simple(host.time_format, num, S, S),
  format_iso = function(...)
    local count = select("#", ...)
    local epoch, zone = ...
    epoch, zone = num(1, count, epoch), zone == nil and "" or str(2, count, zone)
    local ok, result = host.time_format_iso(epoch, zone)
    if not ok then error0(result, 2) end
    return result
  end,
  parse = simple(host.time_parse, S, S),
  parse_iso = simple(host.time_parse_iso, S),
  add = function(...)
    local count = select("#", ...)
    local start, by = ...
    start = num(1, count, start)
    if type(by) ~= "table" then expected(2, count, by, "table", -1) end
    local total = 0
    for position, unit in next, { { "hour", 3600 }, { "minute", 60 }, { "second", 1 } } do
      local amount = by[unit[1]]
      if amount ~= nil then total = total + int(position - 4, 3, amount) * unit[2] end
    end
    local _, result = host.time_add(start, total)
    return result
  end,
})

module("net/url", {
  parse = simple(host.url_parse, S), query_unescape = simple(host.query_unescape, S),
  path_escape = simple(host.path_escape, S),
  build_url = function(...)
    local count = select("#", ...)
    local scheme, address, path, query, fragment = ...
    scheme, address = str(1, count, scheme), str(2, count, address)
    path = count < 3 and "" or str(3, count, path)
    query = count < 4 and "" or str(4, count, query)
    -- lakeFS reads the path once more where the fragment should be.
    fragment = count < 5 and "" or path
    local _, result = host.build_url(scheme, address, path, query, fragment)
    return result
  end,
})
