-- For wrk: requests from a file, each ended by a zero byte, one after the other over all connections.
local requests = {}
local last = 0

function init (args)
  local file = assert(io.open(args[1], 'rb'))
  for text in file:read('*a'):gmatch('([^%z]+)%z') do requests[#requests + 1] = text end
  file:close()
end

function request ()
  last = last % #requests + 1
  return requests[last]
end

function done (summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"non2xx":%d,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
