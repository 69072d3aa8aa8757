-- What a device asks that has five of so many apps, of which so many are to be updated: a body.
local APP = '{"appleItemId":"%d","appleVersionId":"%d"}'

return function(apps, new)
  local list = {}
  for i = 1, 5 do
    list[i] = APP:format(6740000000 + math.random(apps), i <= new and 870000020 or 870000030)
  end
  return ('{"apps":[%s],"platform":"iOS","osVersion":"18.1"}'):format(table.concat(list, ","))
end
