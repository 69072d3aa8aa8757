rockspec_format = "3.0"
package = "lua-marketplace-simulator"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "A stand-in for App Store Connect, to develop and test without an Apple account",
  detailed = [[
    marketplace.simulator and the command `marketplace simulate`: the endpoints of App Store Connect's API that
    alternative marketplaces use, signed notifications, generated packages, and faults on request.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "testing" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-marketplace",
  "lua-marketplace-server",
}

-- the build type builtin would copy the folder lua/, which is another rock's, into this one
build = {
  type = "none",
  install = {
    lua = {
      ["marketplace.cli.commands.simulate"] = "simulator/lua/marketplace/cli/commands/simulate.lua",
      ["marketplace.cli.commands.simulate_control"] = "simulator/lua/marketplace/cli/commands/simulate_control.lua",
      ["marketplace.cli.commands.simulate_device"] = "simulator/lua/marketplace/cli/commands/simulate_device.lua",
      ["marketplace.cli.commands.simulate_licences"] = "simulator/lua/marketplace/cli/commands/simulate_licences.lua",
      ["marketplace.cli.commands.simulate_versions"] = "simulator/lua/marketplace/cli/commands/simulate_versions.lua",
      ["marketplace.simulator.auth"] = "simulator/lua/marketplace/simulator/auth.lua",
      ["marketplace.simulator.bodies"] = "simulator/lua/marketplace/simulator/bodies.lua",
      ["marketplace.simulator.bomb"] = "simulator/lua/marketplace/simulator/bomb.lua",
      ["marketplace.simulator.control"] = "simulator/lua/marketplace/simulator/control.lua",
      ["marketplace.simulator.crc32"] = "simulator/lua/marketplace/simulator/crc32.lua",
      ["marketplace.simulator.dates"] = "simulator/lua/marketplace/simulator/dates.lua",
      ["marketplace.simulator.deliveries"] = "simulator/lua/marketplace/simulator/deliveries.lua",
      ["marketplace.simulator.device.answers"] = "simulator/lua/marketplace/simulator/device/answers.lua",
      ["marketplace.simulator.device.asset"] = "simulator/lua/marketplace/simulator/device/asset.lua",
      ["marketplace.simulator.device.choice"] = "simulator/lua/marketplace/simulator/device/choice.lua",
      ["marketplace.simulator.device.configuration"] = "simulator/lua/marketplace/simulator/device/configuration.lua",
      ["marketplace.simulator.device.fetch"] = "simulator/lua/marketplace/simulator/device/fetch.lua",
      ["marketplace.simulator.device.init"] = "simulator/lua/marketplace/simulator/device/init.lua",
      ["marketplace.simulator.device.install"] = "simulator/lua/marketplace/simulator/device/install.lua",
      ["marketplace.simulator.device.licence"] = "simulator/lua/marketplace/simulator/device/licence.lua",
      ["marketplace.simulator.device.link"] = "simulator/lua/marketplace/simulator/device/link.lua",
      ["marketplace.simulator.device.members"] = "simulator/lua/marketplace/simulator/device/members.lua",
      ["marketplace.simulator.device.problem"] = "simulator/lua/marketplace/simulator/device/problem.lua",
      ["marketplace.simulator.device.questions"] = "simulator/lua/marketplace/simulator/device/questions.lua",
      ["marketplace.simulator.device.report"] = "simulator/lua/marketplace/simulator/device/report.lua",
      ["marketplace.simulator.device.state"] = "simulator/lua/marketplace/simulator/device/state.lua",
      ["marketplace.simulator.device.token"] = "simulator/lua/marketplace/simulator/device/token.lua",
      ["marketplace.simulator.device.url"] = "simulator/lua/marketplace/simulator/device/url.lua",
      ["marketplace.simulator.device.web"] = "simulator/lua/marketplace/simulator/device/web.lua",
      ["marketplace.simulator.document"] = "simulator/lua/marketplace/simulator/document.lua",
      ["marketplace.simulator.entity"] = "simulator/lua/marketplace/simulator/entity.lua",
      ["marketplace.simulator.faults"] = "simulator/lua/marketplace/simulator/faults.lua",
      ["marketplace.simulator.file_faults"] = "simulator/lua/marketplace/simulator/file_faults.lua",
      ["marketplace.simulator.init"] = "simulator/lua/marketplace/simulator/init.lua",
      ["marketplace.simulator.licences"] = "simulator/lua/marketplace/simulator/licences.lua",
      ["marketplace.simulator.limits"] = "simulator/lua/marketplace/simulator/limits.lua",
      ["marketplace.simulator.operations"] = "simulator/lua/marketplace/simulator/operations.lua",
      ["marketplace.simulator.packages.addresses"] = "simulator/lua/marketplace/simulator/packages/addresses.lua",
      ["marketplace.simulator.packages.archive"] = "simulator/lua/marketplace/simulator/packages/archive.lua",
      ["marketplace.simulator.packages.bytes"] = "simulator/lua/marketplace/simulator/packages/bytes.lua",
      ["marketplace.simulator.packages.files"] = "simulator/lua/marketplace/simulator/packages/files.lua",
      ["marketplace.simulator.packages.init"] = "simulator/lua/marketplace/simulator/packages/init.lua",
      ["marketplace.simulator.packages.manifest"] = "simulator/lua/marketplace/simulator/packages/manifest.lua",
      ["marketplace.simulator.packages.shape"] = "simulator/lua/marketplace/simulator/packages/shape.lua",
      ["marketplace.simulator.problems"] = "simulator/lua/marketplace/simulator/problems.lua",
      ["marketplace.simulator.query"] = "simulator/lua/marketplace/simulator/query.lua",
      ["marketplace.simulator.schema"] = "simulator/lua/marketplace/simulator/schema.lua",
      ["marketplace.simulator.sender"] = "simulator/lua/marketplace/simulator/sender.lua",
      ["marketplace.simulator.server"] = "simulator/lua/marketplace/simulator/server.lua",
      ["marketplace.simulator.store"] = "simulator/lua/marketplace/simulator/store.lua",
      ["marketplace.simulator.transport"] = "simulator/lua/marketplace/simulator/transport.lua",
      ["marketplace.simulator.zip"] = "simulator/lua/marketplace/simulator/zip.lua",
    },
  },
}
