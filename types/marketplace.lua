---@meta marketplace
-- Written by `make docs` from the comments in the source: change them there.

--- What App Store Connect tells of, of either generation.
---@class marketplace.Notification
---@field id? string as Apple sent it
---@field type string Apple's name of the type
---@field version? integer as Apple sent it
---@field generation integer 1 (`marketplaceWebhooks`) or 2 (`webhooks`)
---@field event string version_available, versions_unavailable, app_unavailable, versions_restored, app_restored, ping
--- or other
---@field timestamp? string when it happened, as sent
---@field time? number when it happened, in seconds since the epoch, with the fraction
---@field app_id? string
---@field marketplace_app_id? string
---@field package_id? string
---@field package_version_id? string
---@field package_ids? string[]
---@field territories? string[] ISO 3166 alpha-3 codes
---@field attributes? table as Apple sent them, built when they are first read
---@field relationships? table as Apple sent them, built when they are first read
---@field body string the raw bytes

---@class marketplace.Receiver
---@field inbox marketplace.Inbox
local Receiver = {}

--- Adds a callback; see Dispatcher:on.
---@param name string an event's name, one of Apple's type names, or "*" for everything
---@param callback fun(n: marketplace.Notification, ctx: marketplace.Context): any, string?
---@return marketplace.Receiver self
function Receiver:on(name, callback) end

--- Answers requests; what is authentic is in the inbox, with one commit for all of them, before this returns.
---@param requests table[] each {method=, headers=, body=}; header names in any case, a repeated header as a list
---@return table[] responses, each {status=, headers=, body=}, in the same order; equal ones may be one table
function Receiver:handle_many(requests) end

--- Answers one request, as handle does, for a caller that knows the headers that matter and reads the body only if the
--- head is fine.
---@param head table {method=, signature=, encoding=, length=, remote=}: the values of x-apple-signature,
--- content-encoding and content-length, nil for none, a list if the header came more than once; remote: the peer's
--- address, or a function that returns it
---@param read_body fun(head: table): string|nil, string? returns the body; or nil and why there is none: "timeout",
--- "too_large", "overloaded" or "unreadable"
---@return integer status
---@return table headers
---@return string body
function Receiver:receive(head, read_body) end

--- Answers one request, as handle_many.
---@param request table {method=, headers=, body=}
---@return integer status
---@return table headers
---@return string body
function Receiver:handle(request) end

--- Runs the callbacks of what the inbox holds and can be run now; see Dispatcher:dispatch.
---@param settings? {limit?: integer, seconds?: number, now?: number}
---@return integer|nil count of notifications run
---@return string? message
---@return string? code inbox_unavailable
function Receiver:dispatch(settings) end

--- When `dispatch` has something to do next.
---@return number|nil at seconds since the epoch, in the past where something waits now; nil where nothing does
---@return string? message
---@return string? code inbox_unavailable
function Receiver:next_at() end

--- How many notifications are stored and neither done nor dead.
---@return integer|nil
---@return string? message
---@return string? code inbox_unavailable
function Receiver:waiting() end

--- Replaces the secrets, while running: for a rotation.
---@param secrets string|string[]
function Receiver:set_secrets(secrets) end

--- Closes the inbox.
function Receiver:close() end

--- From now on every notification is answered 503: the process is about to end.
function Receiver:drain() end

--- How many requests had which outcome since the start: stored, duplicate, conflict, rearmed, dead,
--- "refused:<code>", "unavailable:<code>".
---@return table<string, integer>
function Receiver:counts() end

--- What has happened so far, as text for Prometheus; asks the inbox nothing.
---@return string
function Receiver:counters() end

--- What has happened so far and what waits, as text for Prometheus.
---@return string
function Receiver:metrics() end

---@class marketplace.Dispatcher
---@field inbox marketplace.Inbox
---@field active_at number when it last claimed, finished or extended something, or began a run, as core.monotonic tells
local Dispatcher = {}

--- Adds a callback. For one notification all callbacks run that fit it: those of its event, then those of its
--- type, then those of "*"; among themselves in the order in which they were added.
---
--- A callback that raises or returns nil and a message has failed: the notification is tried again later.
---@param name string an event's name, one of Apple's type names, or "*" for everything
---@param callback fun(n: marketplace.Notification, ctx: marketplace.Context): any, string?
---@return marketplace.Dispatcher self
function Dispatcher:on(name, callback) end

--- Runs the callbacks of what the inbox holds and can be run now, one notification at a time of each app.
---@param settings? {limit?: integer, seconds?: number, now?: number} limit: the most notifications, default all;
--- seconds: after which it begins no more, default never; now: seconds since the epoch, default the dispatcher's clock
---@return integer|nil count of notifications run
---@return string? message
---@return string? code inbox_unavailable
function Dispatcher:dispatch(settings) end

--- One turn of a loop: runs callbacks, and tells how long the loop may wait. Never raises: what keeps callbacks from
--- running is logged, and tried again a second later, however often this is called meanwhile.
---@param seconds number after which it begins no more
---@return number pause seconds: 0 if more can be run at once, at most 1, as other processes store too
function Dispatcher:turn(seconds) end

--- When `dispatch` has something to do next.
---@return number|nil at seconds since the epoch, in the past where something waits now; nil where nothing does
---@return string? message
---@return string? code inbox_unavailable
function Dispatcher:next_at() end

--- How many notifications are stored and neither done nor dead.
---@return integer|nil
---@return string? message
---@return string? code inbox_unavailable
function Dispatcher:waiting() end

--- Adds what the inbox holds to a text of metrics.
---@param lines string[]
function Dispatcher:add_inbox_metrics(lines) end

--- What it has done so far, and what the inbox holds, as text for Prometheus.
---@return string
function Dispatcher:metrics() end

---@class marketplace.Context
---@field attempt integer from 1
---@field id string names the notification: its id or, if it has none, the SHA-256 of its body
local Context = {}

--- Run this notification again in so many seconds; the attempt does not count.
---@param seconds number from 0 to a year
function Context:snooze(seconds) end

--- Give this notification up: it becomes dead with this reason, visible and replayable.
---@param reason string
function Context:cancel(reason) end

--- Lengthens the lease: for a callback that may take longer than a lease (60 seconds unless the dispatcher was told
--- otherwise), every now and then while it works. Raises if the inbox cannot be reached.
---@return boolean held false: the lease has passed to another worker, which runs this notification too
function Context:heartbeat() end

--- Whether a later event, by the time that Apple gives, has already told the opposite of this one for the same app or
--- the same packages: then this one came late, and must not undo what is newer. Raises if the inbox cannot be reached.
---@return table|nil later {id=, event=, time=} of the latest such event
function Context:superseded() end

--- The contract above, as an editor reads it.
---@class marketplace.Inbox
---@field durable? boolean true where what it holds outlives the process
---@field put fun(self, records: table[], now: number): string[]|nil, string?, string?
---@field claim fun(self, limit: integer, now: number, lease: number): table[]|nil, string?, string?
---@field finish fun(self, items: table[], now: number): boolean[]|nil, string?, string?
---@field extend fun(self, items: table[], now: number, lease: number): boolean[]|nil, string?, string?
---@field counts fun(self): {ready: integer, leased: integer, done: integer, dead: integer}|nil, string?, string?
---@field backlog fun(self): {ready: integer, leased: integer, dead: integer, oldest_at?: number}|nil, string?, string?
---@field next_at fun(self): number|nil, string?, string?
---@field later fun(self, app_id: string, time: number): table[]|nil, string?, string?
---@field list fun(self, filter?: table): table[]|nil, string?, string?
---@field get fun(self, identity: string): table|nil, string?, string?
---@field replay fun(self, filter: table, now: number): integer|nil, string?, string?
---@field prune fun(self, done_before: number): integer|nil, string?, string?
---@field id fun(self): string|nil, string?, string?
---@field close fun(self)

---@class marketplace.Client
---@field rate_limit {limit?: integer, remaining?: integer} requests an hour, as the last answer told them
local Client = {}

--- One call of any endpoint.
---
--- GET, PATCH and DELETE are tried again when the connection fails or the answer is 429 or 5xx; POST only where it was
--- surely not executed. A token that is refused is made anew once, with the server's clock.
---@param method string GET, POST, PATCH or DELETE
---@param path string "/v1/...", or a whole URL on the host of base_url, such as an answer's links.next
---@param given? {query?: table, body?: table, timeout?: number} query: values are strings, numbers, booleans or lists
--- of them; timeout: seconds for the whole call, default the client's
---@return table|nil document decoded; empty where the answer has none
---@return table|string response {status=, headers=, body=}, or the message
---@return string? code request_invalid, connect_failed, tls_failed, timeout, http_failed, too_large, unauthorized,
--- rate_limited, api_error, answer_invalid, out_of_memory, crypto_failed
---@return table? detail {status=, errors=, retry_after=, request_id=, attempts=, sent=, may_have_run=}; see
--- marketplace.client.error; may_have_run: it may have been executed although it failed
function Client:request(method, path, given) end

--- Fetches a file from where an answer's `url` attribute points, piece by piece. No token is sent there.
---@param address string https://
---@param given {sink?: fun(bytes: string), file?: string, timeout?: number, max_bytes?: number} sink: is given the
--- bytes as they come, and may return false to end it; or file: a path, which exists only once the file is complete and
--- synced (in nginx that holds up the worker); timeout: seconds, default 3600; max_bytes: default 16 GiB
---@return table|nil result {bytes=, headers=}
---@return string? message
---@return string? code
---@return table? detail {status=}
function Client:download(address, given) end

--- Runs several calls at once, in one thread, and waits for all of them.
---@param tasks ((fun(): any)|table)[] functions that call this client, or requests: {method, path, options}
---@param given? {at_once?: integer} default 6
---@return table[] results in the order of the tasks, each {n=, ...}: what the function, or client:request, returned
function Client:parallel(tasks, given) end

---@class marketplace.Exchange
local Exchange = {}

--- Whether it has ended. Hands over to the sink what has arrived.
---@return boolean
function Exchange:done() end

--- The response of one that is done, which is closed with it.
---@return table|nil response
---@return string? message
---@return string? code
---@return table? detail
function Exchange:result() end

--- Ends it, whatever its state.
function Exchange:close() end

---@class marketplace.Server
local Server = {}

--- One turn: waits for requests, answers them, runs some callbacks.
---@param seconds? number the longest wait, default 1, or 0.25 with metrics
function Server:step(seconds) end

--- Ends gracefully: answers what is under way (with 503), runs what would be lost otherwise, closes. Takes
--- `stop_seconds` at most, and a callback's time on top.
function Server:stop() end

--- Serves until SIGTERM or SIGINT, then stops gracefully. SIGHUP calls `reload`.
function Server:run() end

--- The URL of the metrics; nil where they are not offered.
---@return string|nil
function Server:metrics_url() end

--- Where it listens: the numeric address, the port, the URL for notifications.
---@return string host
---@return integer port
---@return string url
function Server:address() end

---@class marketplace.Simulator
local Simulator = {}

--- Answers a request.
---@param given {method: string, path: string, query?: string, headers?: table, body?: string, remote?: string} remote:
--- the peer's address; without one it is this process
---@return {status: integer, headers: table, body: string, delay?: number} delay: seconds to wait before it is sent;
--- status: 444 if the connection is to be closed without an answer
function Simulator:handle(given) end

--- What a client of this simulator needs, where it made its key itself.
---@return {key_id: string, issuer_id: string, key: string}|nil credentials key: the private key, PEM; nil where the
--- simulator was given keys
function Simulator:credentials() end

--- What carries requests of a client to this simulator in the same process: a function as marketplace.http.exchange.
--- Cut answers are failures, as is an answer that is later than the request's timeout.
---@param sleep? fun(seconds: number) called for an answer that is late: the place to move a fake clock on
---@return fun(request: table): table|nil, string?, string?, table?
function Simulator:transport(sleep) end

--- Whether there is such a resource.
---@param type_name string such as "webhooks"
---@param id string
---@return boolean
function Simulator:exists(type_name, id) end

--- Makes something happen. tick sends the notifications.
---@param name string an event's name (version_available, app_unavailable, …), or one of Apple's type names
---@param given? table app: the app it is about, default the first of `apps`; marketplace_app: the one whose webhooks
--- hear of it, default `app` where it is one of `apps`, otherwise the first of them; generation: only this one of the
--- notifications; id: of the notification, default a new one; time: seconds since the epoch, default now; territories;
--- package, package_version: ids, default new ones for version_available and the app's latest for others; variants,
--- deltas: how many, default 2 and 0; size: bytes of each, default 150000
---@return table event event, app_id, marketplace_app_id, package_id, package_version_id; notifications: list of
--- {generation, id, type, body}; deliveries: their ids
function Simulator:event(name, given) end

--- Repeats a delivery, of either generation.
---@param id string
---@return string|nil id of the new delivery; nil where there is none, or its webhook is gone or disabled
function Simulator:redeliver(id) end

--- Adds a fault, see marketplace.simulator.faults. Raises for one that is none.
---@param given table
function Simulator:fault(given) end

--- Starts the deliveries that are due.
function Simulator:tick() end

--- When a delivery is due that waits for its time, seconds since the epoch; nil where none does.
---@return number|nil
function Simulator:next_at() end

--- How many requests arrived, and how many were executed (answered 2xx, whatever became of the answer).
---@param method? string with `path`: only of this one
---@param path? string
---@return table rows list of {method=, path=, arrived=, executed=}; one of them where a method is given
function Simulator:requests(method, path) end

--- The deliveries so far, oldest first: {id=, generation=, body=, attributes=, …}.
---@return table[]
function Simulator:deliveries() end

--- Sets the URL under which it is reached, without a slash at the end.
---@param url string
function Simulator:set_base_url(url) end

---@class marketplace.resource: table a flat resource: `id`, `type`, `links`, `relationships`, its attributes under
--- Apple's names, and included resources under their relationships' names; what is null is nil
---@field id string
---@field type string

---@class marketplace.page
---@field links table the document's links
---@field next? string URL of the next page
---@field total? integer how many there are in all, where the answer tells
---@field limit? integer how many there are on a page at most
---@field included marketplace.resource[]

---@alias marketplace.linkage {type: string, id: string}

---@class marketplace.Client.alternativeDistributionDomains
local alternativeDistributionDomains = {}

--- GET /v1/alternativeDistributionDomains
--- takes fields, limit
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionDomains:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function alternativeDistributionDomains:each(given) end

--- POST /v1/alternativeDistributionDomains
--- takes domain, referenceName
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionDomains:create(given) end

--- GET /v1/alternativeDistributionDomains/{id}
--- takes the id, fields
---@param id string
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionDomains:get(id, given) end

--- DELETE /v1/alternativeDistributionDomains/{id}
--- takes the id
---@param id string
---@return true|nil result
---@return string? message
---@return string? code
---@return table? detail
function alternativeDistributionDomains:delete(id) end

---@class marketplace.Client.alternativeDistributionKeys
local alternativeDistributionKeys = {}

--- GET /v1/alternativeDistributionKeys
--- takes fields, limit, exists (app)
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionKeys:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function alternativeDistributionKeys:each(given) end

--- POST /v1/alternativeDistributionKeys
--- takes publicKey, app (optional)
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionKeys:create(given) end

--- GET /v1/alternativeDistributionKeys/{id}
--- takes the id, fields
--- GET /v1/apps/{app}/alternativeDistributionKey
--- takes app, fields
---@param id string|table
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionKeys:get(id, given) end

--- DELETE /v1/alternativeDistributionKeys/{id}
--- takes the id
---@param id string
---@return true|nil result
---@return string? message
---@return string? code
---@return table? detail
function alternativeDistributionKeys:delete(id) end

--- GET /v1/apps/{app}/relationships/alternativeDistributionKey
--- takes app
---@param given? table
---@return marketplace.linkage|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionKeys:linkage(given) end

---@class marketplace.Client.alternativeDistributionPackageDeltas
local alternativeDistributionPackageDeltas = {}

--- GET /v1/alternativeDistributionPackageDeltas/{id}
--- takes the id, fields
---@param id string
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageDeltas:get(id, given) end

--- GET /v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/deltas
--- takes alternativeDistributionPackageVersion, fields, limit
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageDeltas:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function alternativeDistributionPackageDeltas:each(given) end

--- GET /v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/relationships/deltas
--- takes alternativeDistributionPackageVersion, limit
---@param given? table
---@return marketplace.linkage[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageDeltas:linkages(given) end

---@class marketplace.Client.alternativeDistributionPackageVariants
local alternativeDistributionPackageVariants = {}

--- GET /v1/alternativeDistributionPackageVariants/{id}
--- takes the id, fields
---@param id string
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageVariants:get(id, given) end

--- GET /v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/variants
--- takes alternativeDistributionPackageVersion, fields, limit
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageVariants:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function alternativeDistributionPackageVariants:each(given) end

--- GET /v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/relationships/variants
--- takes alternativeDistributionPackageVersion, limit
---@param given? table
---@return marketplace.linkage[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageVariants:linkages(given) end

---@class marketplace.Client.alternativeDistributionPackageVersions
local alternativeDistributionPackageVersions = {}

--- GET /v1/alternativeDistributionPackageVersions/{id}
--- takes the id, fields, include (variants, deltas, alternativeDistributionPackage)
---@param id string
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageVersions:get(id, given) end

--- GET /v1/alternativeDistributionPackages/{alternativeDistributionPackage}/versions
--- takes alternativeDistributionPackage, fields, include (variants, deltas, alternativeDistributionPackage), limit, filter (state)
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageVersions:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function alternativeDistributionPackageVersions:each(given) end

--- GET /v1/alternativeDistributionPackages/{alternativeDistributionPackage}/relationships/versions
--- takes alternativeDistributionPackage, limit
---@param given? table
---@return marketplace.linkage[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackageVersions:linkages(given) end

---@class marketplace.Client.alternativeDistributionPackages
local alternativeDistributionPackages = {}

--- POST /v1/alternativeDistributionPackages
--- takes appStoreVersion
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackages:create(given) end

--- GET /v1/alternativeDistributionPackages/{id}
--- takes the id, fields, include (versions)
--- GET /v1/appStoreVersions/{appStoreVersion}/alternativeDistributionPackage
--- takes appStoreVersion, fields, include (versions)
---@param id string|table
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackages:get(id, given) end

--- GET /v1/appStoreVersions/{appStoreVersion}/relationships/alternativeDistributionPackage
--- takes appStoreVersion
---@param given? table
---@return marketplace.linkage|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function alternativeDistributionPackages:linkage(given) end

---@class marketplace.Client.marketplaceSearchDetails
local marketplaceSearchDetails = {}

--- POST /v1/marketplaceSearchDetails
--- takes catalogUrl, app
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceSearchDetails:create(given) end

--- PATCH /v1/marketplaceSearchDetails/{id}
--- takes the id, catalogUrl (optional)
---@param id string
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceSearchDetails:update(id, given) end

--- DELETE /v1/marketplaceSearchDetails/{id}
--- takes the id
---@param id string
---@return true|nil result
---@return string? message
---@return string? code
---@return table? detail
function marketplaceSearchDetails:delete(id) end

--- GET /v1/apps/{app}/marketplaceSearchDetail
--- takes app, fields
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceSearchDetails:get(given) end

--- GET /v1/apps/{app}/relationships/marketplaceSearchDetail
--- takes app
---@param given? table
---@return marketplace.linkage|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceSearchDetails:linkage(given) end

---@class marketplace.Client.marketplaceWebhooks
local marketplaceWebhooks = {}

--- GET /v1/marketplaceWebhooks
--- takes fields, limit
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceWebhooks:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function marketplaceWebhooks:each(given) end

--- POST /v1/marketplaceWebhooks
--- takes endpointUrl, secret
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceWebhooks:create(given) end

--- PATCH /v1/marketplaceWebhooks/{id}
--- takes the id, endpointUrl (optional), secret (optional)
---@param id string
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function marketplaceWebhooks:update(id, given) end

--- DELETE /v1/marketplaceWebhooks/{id}
--- takes the id
---@param id string
---@return true|nil result
---@return string? message
---@return string? code
---@return table? detail
function marketplaceWebhooks:delete(id) end

---@class marketplace.Client.webhookDeliveries
local webhookDeliveries = {}

--- POST /v1/webhookDeliveries
--- takes template
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhookDeliveries:create(given) end

--- GET /v1/webhooks/{webhook}/deliveries
--- takes webhook, fields, include (event), limit, filter (deliveryState, createdDateGreaterThanOrEqualTo, createdDateLessThan)
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhookDeliveries:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function webhookDeliveries:each(given) end

--- GET /v1/webhooks/{webhook}/relationships/deliveries
--- takes webhook, limit
---@param given? table
---@return marketplace.linkage[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhookDeliveries:linkages(given) end

---@class marketplace.Client.webhookPings
local webhookPings = {}

--- POST /v1/webhookPings
--- takes webhook
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhookPings:create(given) end

---@class marketplace.Client.webhooks
local webhooks = {}

--- POST /v1/webhooks
--- takes enabled, eventTypes, name, secret, url, app
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhooks:create(given) end

--- GET /v1/webhooks/{id}
--- takes the id, fields, include (app)
---@param id string
---@param given? table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhooks:get(id, given) end

--- PATCH /v1/webhooks/{id}
--- takes the id, enabled (optional), eventTypes (optional), name (optional), secret (optional), url (optional)
---@param id string
---@param given table
---@return marketplace.resource|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhooks:update(id, given) end

--- DELETE /v1/webhooks/{id}
--- takes the id
---@param id string
---@return true|nil result
---@return string? message
---@return string? code
---@return table? detail
function webhooks:delete(id) end

--- GET /v1/apps/{app}/webhooks
--- takes app, fields, include (app), limit
---@param given? table
---@return marketplace.resource[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhooks:list(given) end

--- One resource and its page after another, of all pages; takes what `list` takes.
---@param given? table
---@return fun(state: table): marketplace.resource|nil, marketplace.page iterator
---@return {problem?: {message: string, code: string, detail: table}} state
function webhooks:each(given) end

--- GET /v1/apps/{app}/relationships/webhooks
--- takes app, limit
---@param given? table
---@return marketplace.linkage[]|nil result
---@return marketplace.page|string page or the message
---@return string? code
---@return table? detail
function webhooks:linkages(given) end

---@class marketplace.Client
---@field alternativeDistributionDomains marketplace.Client.alternativeDistributionDomains
---@field alternativeDistributionKeys marketplace.Client.alternativeDistributionKeys
---@field alternativeDistributionPackageDeltas marketplace.Client.alternativeDistributionPackageDeltas
---@field alternativeDistributionPackageVariants marketplace.Client.alternativeDistributionPackageVariants
---@field alternativeDistributionPackageVersions marketplace.Client.alternativeDistributionPackageVersions
---@field alternativeDistributionPackages marketplace.Client.alternativeDistributionPackages
---@field marketplaceSearchDetails marketplace.Client.marketplaceSearchDetails
---@field marketplaceWebhooks marketplace.Client.marketplaceWebhooks
---@field webhookDeliveries marketplace.Client.webhookDeliveries
---@field webhookPings marketplace.Client.webhookPings
---@field webhooks marketplace.Client.webhooks

---@class marketplace
---@field _VERSION string the name and the version
---@field null userdata JSON null in `attributes` and `relationships`; equal to cjson.null
local marketplace = {}

--- The value of the header `x-apple-signature` for this body.
---@param secret string not empty
---@param body string the raw bytes
---@return string|nil signature "hmacsha256=" and 64 lower-case hex digits
---@return string? message
---@return string? code crypto_failed
function marketplace.sign(secret, body) end

--- Which of the secrets signed the body.
---@param secret string|string[] one, or up to 8 while they are rotated
---@param body string the raw bytes, as received
---@param header string|nil the value of `x-apple-signature`
---@return integer|nil index of the secret that matched, from 1
---@return string? message
---@return string? code signature_missing, signature_malformed, signature_mismatch, crypto_failed
---@return table? detail {offset=} of the character at fault
function marketplace.verify(secret, body, header) end

--- A name for a secret that tells nothing about it: the first 12 hex digits of HMAC-SHA256(secret, "marketplace secret
--- fingerprint").
---@param secret string not empty
---@return string|nil fingerprint
---@return string? message
---@return string? code crypto_failed
function marketplace.fingerprint(secret) end

--- Reads the body of a notification of either generation. The result's fields are those of the
--- README's table "A notification"; `attributes` and `relationships` are built when they are first
--- read, so that `pairs`, `next` or an encoder see them only afterwards, except that `pairs` on Lua
--- 5.3 and later always does. See `to_table`.
---@param body string JSON, UTF-8, at most 16 MiB
---@return marketplace.Notification|nil notification
---@return string? message
---@return string? code json_invalid, notification_invalid, too_large
---@return table? detail {offset=}: the byte at fault, from 0
function marketplace.parse(body) end

--- A plain table with everything that the notification has, to copy, iterate or encode in any Lua.
--- The tables in it are the notification's own.
---@param n marketplace.Notification
---@return table
function marketplace.to_table(n) end

---@class marketplace.receiver.Options
---@field clock? function
---@field inbox? table
---@field lease? number
---@field log? function|table
---@field max_body? number
---@field random? function
---@field retry? table
---@field secrets string|table
---@field stop_asked? function

--- A receiver.
---@param given marketplace.receiver.Options
--- secrets: string or list of up to 8 strings, required;
--- inbox: default one in memory, which is also what an inbox that could not be opened leads to, as that is nil: so
--- assert(marketplace.inbox(...)); max_body: bytes, default 1048576, at most 16777216;
--- log, lease, retry, clock, random, stop_asked: see marketplace.dispatcher
---@return marketplace.Receiver receiver
function marketplace.receiver(given) end

---@class marketplace.dispatcher.Options
---@field clock? function
---@field inbox table
---@field lease? number
---@field log? function|table
---@field random? function
---@field retry? table
---@field stop_asked? function

--- A dispatcher without a receiver: a worker beside the process that receives.
---@param given marketplace.dispatcher.Options
--- inbox: required;
--- log: function(entry), see marketplace.log; default: warnings and errors to the standard error stream;
--- lease: seconds that a callback may take, default 60;
--- retry: {attempts=10, base=5, cap=3600}, pauses in seconds;
--- clock: function giving seconds since the epoch; random: function giving a number in [0, 1);
--- stop_asked: function; once it gives true, what is not yet begun is given back
---@return marketplace.Dispatcher
function marketplace.dispatcher(given) end

--- Opens the inbox that a URL names. Not inside nginx, except for "memory": marketplace.nginx.inbox has those that do
--- not block.
---@param text string see marketplace.inbox.url: "memory", "sqlite:PATH", "postgres://USER@HOST:PORT/DBNAME",
--- "redis://HOST:PORT/DB?prefix=NAME", "redis+unix:/PATH"
---@param settings? {must_exist?: boolean, clock?: fun(): number, durability?: "strict"|"relaxed"} must_exist: do not
--- make a new SQLite file; clock, durability: see marketplace.inbox.postgres and marketplace.inbox.redis
---@return marketplace.Inbox|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function marketplace.inbox(text, settings) end

---@class marketplace.token.Options
---@field bundle_id? string
---@field developer_id? string
---@field dtype? string
---@field iid? string
---@field individual? boolean
---@field issuer_id? string
---@field key? string
---@field key_file? string
---@field key_id? string
---@field kind? string
---@field lifetime? number
---@field marketplace_id? string
---@field nonce? string
---@field now? number
---@field scope? table
---@field vid? string

--- A token.
---@param given marketplace.token.Options
--- kind: "api" (default), "marketplace" or "install"; key: PEM, or key_file: its path; lifetime: seconds between iat
--- and exp, iat being 30 seconds ago; now: seconds since the epoch, default the machine's clock;
--- api: key_id; issuer_id of a team's key, or individual = true; scope: list of requests that it is good for, such
--- as "GET /v1/apps"; lifetime at most and by default 1200;
--- marketplace: marketplace_id (the marketplace's Apple ID), developer_id; lifetime less than 7 days, default a day;
--- install: key_id (of the alternative distribution key), marketplace_id, bundle_id, dtype ("download" or
--- "redownload"), nonce (default a random UUID), iid, vid; lifetime default 300
---@return string|nil token
---@return integer|string expires_at seconds since the epoch, or the message
---@return string? code key_invalid, crypto_failed
function marketplace.token(given) end

---@class marketplace.client.Options
---@field attempt_timeout? number
---@field base_url? string
---@field ca_file? string
---@field clock? function
---@field connect_timeout? number
---@field individual? boolean
---@field issuer_id? string
---@field key? string
---@field key_file? string
---@field key_id string
---@field log? function
---@field monotonic? function
---@field pause? function
---@field random? function
---@field retries? number
---@field scope? table
---@field sleep? function
---@field timeout? number
---@field transport? function
---@field user_agent? string

--- A client of App Store Connect's API: `client.webhooks:list{ app = ... }` and so on, see
--- marketplace.client.resources.
---@param given marketplace.client.Options
--- key_id: required; key_file: path of the private key, or key: PEM; issuer_id of a team's key, or individual = true;
--- scope: list of requests that its tokens are good for, such as "GET /v1/apps";
--- base_url: default "https://api.appstoreconnect.apple.com"; ca_file: PEM certificates in place of the system's;
--- timeout: seconds for a whole call with its retries, default 60; attempt_timeout: for each attempt, default 30;
--- connect_timeout: of that for connecting, default 10; retries: at most so many after the first attempt, default 4;
--- log: function(entry), see marketplace.log: each attempt, never a token or a secret;
--- pause: function(seconds), called again and again while a call waits, for use in a caller's own loop: there it
--- yields, in place of blocking; in nginx default ngx.sleep;
--- transport: function(request, pause), default marketplace.http's exchange;
--- clock: function giving seconds since the epoch; monotonic: function giving seconds, for deadlines, default clock
--- where that is given; random: function giving a number in [0, 1); sleep: function(seconds); user_agent
---@return marketplace.Client|nil client
---@return string? message
---@return string? code key_invalid
function marketplace.client(given) end

---@class marketplace.reconcile.Options
---@field accept_gap? boolean
---@field apps? table
---@field client table
---@field clock? function
---@field dry_run? boolean
---@field inbox table
---@field log? function
---@field redeliver? boolean
---@field since? number
---@field state_file? string
---@field url? string
---@field webhooks? table

--- Reconciles the inbox with App Store Connect, once.
---
--- It needs an inbox that remembers what is done for eleven days: what was forgotten (`inbox prune`) would be missing,
--- and run again.
---@param given marketplace.reconcile.Options
--- client, inbox: required; webhooks, apps: lists of ids, of which there must be one; of apps all webhooks, which must
--- have one URL, the receiver's; url: of the apps' webhooks only those with this one;
--- since: seconds since the epoch, in place of what is due since the last run, at most ten days back, not later than
--- now;
--- state_file: where it is kept how far the last run came; without it every run looks ten days back, and asks for
--- redeliveries only of what it put itself;
--- accept_gap: history_expired is not told again; redeliver: whether redeliveries are asked for, default true: once an
--- event, where the newest delivery failed and the event was not in the inbox before (or its payload is not told), and
--- as long as App Store Connect's limit of requests is not nearly reached;
--- dry_run: only look, change nothing; clock: default the machine's; log: see marketplace.log
---@return table|nil report
--- deliveries: how many were told of; events: those they were of, without pings; pending: events that App Store Connect
--- still tries to deliver, which are left until a day has passed; missing: events that were not in the inbox; stored:
--- how many of these this run put there; entries: these events, oldest first, each {key, event, type, app_id, reason,
--- webhook, created_at, stored}; redelivered: how many redeliveries were asked for; redeliveries: list of {webhook,
--- event, delivery, created_at, asked}, in a dry run those that would be asked for; left: how many are left for the
--- next run, as the limit of requests is near; failed: list of {webhook, event, delivery, message, code, detail}, of
--- redeliveries that could not be asked for; problems: list of {message, code, detail, webhook, app}: what could not be
--- looked at, stored or remembered, or is lost (history_expired, until it is accepted); notices: list of {message,
--- code, webhook}, of what is to be known and is no problem: inbox_changed, rate_limited; webhooks: list of {id, url,
--- since, due, covers} that were looked at, where due is since when they had to be; inbox: its id; since, up_to:
--- seconds since the epoch; covers: whether `since` was early enough for all that was due; complete: whether, of what
--- was looked at, nothing is missing any more and nothing failed
---@return string? message nothing could be looked at, and nothing was changed
---@return string? code inbox_unavailable, locked, file_failed, state_invalid, webhook_missing, webhook_ambiguous (with
--- {urls=}), and those of the client
---@return table? detail the client's
function marketplace.reconcile(given) end

return marketplace
