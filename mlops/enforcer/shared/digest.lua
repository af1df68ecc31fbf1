-- SHA-256 of a text in hexadecimal digits; empty where there is no text.

local hex = require("encoding/hex")
local sha256 = require("crypto/sha256")

local function digest(text)
  return text and hex.encode(sha256.digest(text)) or ""
end
