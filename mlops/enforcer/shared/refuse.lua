-- A refusal begins with one word that commands act on: `unlawful` unless another one is given.

local hook = require("hook")

local function refuse_as(word, text)
  hook.fail(word .. ": " .. text)
end

local function refuse(text)
  refuse_as("unlawful", text)
end
