-- wrk's requests: a purchase of one of fifty books, by the buyer whose token is in BENCH_TOKEN.
local token = os.getenv("BENCH_TOKEN") or ""
local headers = { ["content-type"] = "application/json", ["authorization"] = "Bearer " .. token }
local books = tonumber(os.getenv("BENCH_BOOKS") or "50")

request = function()
  local body = string.format('{"book_id": %d, "quantity": 1}', math.random(1, books))
  return wrk.format("POST", nil, headers, body)
end
