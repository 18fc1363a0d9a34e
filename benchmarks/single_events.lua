-- Sends one event a request, each of a session of its own, to the paths that a file lists, in turn.
-- Arguments: that file, and a text that no other run of it has.

local run, rest = "", ""
local heads, number = {}, 0

local function event(session)
  return '{"specversion":"1.0","id":"' .. session .. '-000","subject":"' .. session .. rest
end

local function session()
  return string.format("%s-%09d", run, number)
end

function init(arguments)
  run = arguments[2]
  rest = '","time":"' .. os.date("!%Y-%m-%dT%H:%M:%S+00:00") .. '"'
    .. ',"source":"urn:benchmark","type":"session.started"'
    .. ',"data":{"channel":"rtm","ANI":"+15550100","userId":"u-benchmark"}}'
  wrk.headers["Content-Type"] = "application/cloudevents+json"
  local body = event(session())
  for path in io.lines(arguments[1]) do
    heads[#heads + 1] = wrk.format("POST", path, nil, body):sub(1, -#body - 1)
  end
end

function request()
  number = number + 1
  return heads[number % #heads + 1] .. event(session())
end
