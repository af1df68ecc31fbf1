-- `kinds` of arguments: S and N are needed, s and n may be left out (but not given as nil), b is a truth value.
local function api(operation, kinds)
  return function(...)
    local count, args = select("#", ...), {}
    for i = 1, #kinds do
      local kind, value = sub(kinds, i, i), (select(i, ...))
      if kind == "S" or kind == "s" and i <= count then args[i] = str(i, count, value)
      elseif kind == "n" and i <= count then args[i] = int(i, count, value)
      elseif kind == "b" and i <= count then args[i] = not not value
      elseif kind == "T" then
        need_table(i, count, value)
        for key, item in next, value do
          if type(key) == "number" then error0("invalid key to 'next'", 0) end
          if type(key) ~= "string" then error0("key should be a string (" .. type(key) .. ")" .. CANNOT, 2) end
          if type(item) ~= "string" and type(item) ~= "number" then
            error0("value for key '" .. key .. "' should be a string (" .. type(item) .. ")" .. CANNOT, 2)
          end
        end
        args[i] = pulled(value, 2)
      end
    end
    local answered = pack(host.lake(operation, unpack(args, 1, #kinds)))
    if not answered[1] then error0(answered[2], 2) end
    return unpack(answered, 2, answered.n)
  end
end
module("lakefs", {
  get_object = api("get_object", "SSS"), stat_object = api("stat_object", "SSSb"),
  list_objects = api("list_objects", "SSsssnb"), diff_refs = api("diff_refs", "SSSsssn"),
  diff_branch = api("diff_branch", "SSsnss"), create_tag = api("create_tag", "SSS"),
  update_object_user_metadata = api("update_object_user_metadata", "SSST"),
})
