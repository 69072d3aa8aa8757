-- What wrk has measured, on a line: requests a second, the milliseconds within which 99 % came, errors.
return function(summary, latency)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  io.write(("%.0f %.2f %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, errors))
end
