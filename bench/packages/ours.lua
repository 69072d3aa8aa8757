-- ours.lua URL FOLDER DIGESTS COUNT: fetches file1 to fileCOUNT from URL into FOLDER, all at once, as packages are
-- fetched. DIGESTS is a file that this writes if it is not there; it holds what the files are compared with.
local core = require "marketplace.core"
local http = require "marketplace.http"
local package_io = require "marketplace.package_io"
local scheduler = require "marketplace.client.scheduler"
return core, http, package_io, scheduler
