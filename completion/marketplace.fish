function __fish_marketplace_print_command
    set -l cmdline (commandline -poc)
    set -l cmd
    set -e cmdline[1]
    for arg in $cmdline
        switch $arg
            case serve
                set cmd $cmd serve
                break
            case work
                set cmd $cmd work
                break
            case inbox
                set cmd $cmd inbox
                set -e cmdline[1]
                for arg in $cmdline
                    switch $arg
                        case list
                            set cmd $cmd list
                            break
                        case show
                            set cmd $cmd show
                            break
                        case replay
                            set cmd $cmd replay
                            break
                        case prune
                            set cmd $cmd prune
                            break
                        case stats
                            set cmd $cmd stats
                            break
                    end
                end
                break
            case webhooks
                set cmd $cmd webhooks
                set -e cmdline[1]
                for arg in $cmdline
                    switch $arg
                        case list
                            set cmd $cmd list
                            break
                        case create
                            set cmd $cmd create
                            break
                        case update
                            set cmd $cmd update
                            break
                        case delete
                            set cmd $cmd delete
                            break
                        case ping
                            set cmd $cmd ping
                            break
                        case deliveries
                            set cmd $cmd deliveries
                            break
                        case redeliver
                            set cmd $cmd redeliver
                            break
                        case migrate
                            set cmd $cmd migrate
                            break
                        case rotate-secret
                            set cmd $cmd rotate-secret
                            break
                    end
                end
                break
            case reconcile
                set cmd $cmd reconcile
                break
            case send
                set cmd $cmd send
                break
            case sign
                set cmd $cmd sign
                break
            case verify
                set cmd $cmd verify
                break
            case explain
                set cmd $cmd explain
                break
            case token
                set cmd $cmd token
                break
            case simulate
                set cmd $cmd simulate
                set -e cmdline[1]
                for arg in $cmdline
                    switch $arg
                        case event
                            set cmd $cmd event
                            break
                        case fault
                            set cmd $cmd fault
                            break
                        case redeliver
                            set cmd $cmd redeliver
                            break
                        case requests
                            set cmd $cmd requests
                            break
                    end
                end
                break
            case completion
                set cmd $cmd completion
                break
        end
    end
    echo "$cmd"
end

function __fish_marketplace_using_command
    test (__fish_marketplace_print_command) = "$argv"
    and return 0
    or return 1
end

function __fish_marketplace_seen_command
    string match -q "$argv*" (__fish_marketplace_print_command)
    and return 0
    or return 1
end

complete -c marketplace -n '__fish_marketplace_using_command' -xa 'serve' -d 'receive notifications and run a handlers file for them'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'work' -d 'run a handlers file for the notifications that another process receives'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'inbox' -d 'look into an inbox, replay what is dead, forget what is done'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'webhooks' -d 'list, make, change and try the webhooks at App Store Connect; rotate their secret'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'reconcile' -d 'put notifications that were missed into the inbox'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'send' -d 'sign a notification and post it as App Store Connect would, to try a receiver'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'sign' -d 'print the signature that App Store Connect would send with a body'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'verify' -d 'check a signature; the exit status tells whether it is valid'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'explain' -d 'say why a signature is not valid'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'token' -d 'make a token for App Store Connect\'s API, for a developer or for an install'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'simulate' -d 'stand in for App Store Connect, to develop without an Apple account'
complete -c marketplace -n '__fish_marketplace_using_command' -xa 'completion' -d 'print a completion script for a shell'
complete -c marketplace -l version -d 'show the version'
complete -c marketplace -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command serve' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT, memory'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l lease -r -d 'Seconds that a callback may take before another worker takes its notification'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l metrics-port -r -d 'Answer GET /metrics there, for Prometheus; without it nowhere'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l metrics-host -r -d 'On this address'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l verbose -d 'Also write a line when a notification is stored, not only when it is done'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l host -r -d 'Address to listen on'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l port -r -d 'Port to listen on; 0: the system chooses'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l tls-cert -r -d 'Certificate chain for HTTPS, PEM; with --tls-key'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l tls-key -r -d 'Its private key, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l secret-file -r -d 'file with the webhook\'s secret; several during a rotation, one a line (without it: the secret in MARKETPLACE_SECRET)'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l path -r -d 'Where notifications arrive'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l no-dispatch -d 'Only receive: the callbacks are run by `marketplace work`'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l max-body -r -d 'Largest body in bytes'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l max-connections -r -d 'Connections at a time'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -l pid-file -r -d 'File that holds the process\'s id while it listens: who sends it SIGHUP finds it there'
complete -c marketplace -n '__fish_marketplace_seen_command serve' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command work' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT, memory'
complete -c marketplace -n '__fish_marketplace_seen_command work' -l lease -r -d 'Seconds that a callback may take before another worker takes its notification'
complete -c marketplace -n '__fish_marketplace_seen_command work' -l metrics-port -r -d 'Answer GET /metrics there, for Prometheus; without it nowhere'
complete -c marketplace -n '__fish_marketplace_seen_command work' -l metrics-host -r -d 'On this address'
complete -c marketplace -n '__fish_marketplace_seen_command work' -l verbose -d 'Also write a line when a notification is stored, not only when it is done'
complete -c marketplace -n '__fish_marketplace_seen_command work' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command work' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_using_command inbox' -xa 'list' -d 'List notifications, the oldest first'
complete -c marketplace -n '__fish_marketplace_using_command inbox' -xa 'show' -d 'Show one with its body'
complete -c marketplace -n '__fish_marketplace_using_command inbox' -xa 'replay' -d 'Make dead ones ready again'
complete -c marketplace -n '__fish_marketplace_using_command inbox' -xa 'prune' -d 'Forget done ones: then a duplicate of one would run again'
complete -c marketplace -n '__fish_marketplace_using_command inbox' -xa 'stats' -d 'Count them by state'
complete -c marketplace -n '__fish_marketplace_seen_command inbox' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l json -d 'write JSON, one object a line, also on a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l table -d 'write a table, also if the output is not a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l state -xa 'ready leased done dead' -d 'Only these'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l app -r -d 'Of this app'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l type -r -d 'Of this type of Apple\'s'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l event -r -d 'Of this event'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l older-than -r -d 'Received before: 90d, 12h, 30m, 45s ago, or a date'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l newer-than -r -d 'Received since'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -l limit -r -d 'The most'
complete -c marketplace -n '__fish_marketplace_seen_command inbox list' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command inbox show' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command inbox show' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command inbox show' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command inbox replay' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command inbox replay' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command inbox replay' -l dead -d 'All that are dead'
complete -c marketplace -n '__fish_marketplace_seen_command inbox replay' -l since -r -d 'The dead ones received since: 90d, 12h, 30m, 45s ago, or a date'
complete -c marketplace -n '__fish_marketplace_seen_command inbox replay' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command inbox prune' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command inbox prune' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command inbox prune' -l done-before -r -d 'Done before: 90d, 12h, 30m, 45s ago, or a date'
complete -c marketplace -n '__fish_marketplace_seen_command inbox prune' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command inbox stats' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command inbox stats' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command inbox stats' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'list' -d 'List webhooks'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'create' -d 'Make a webhook'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'update' -d 'Change a webhook'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'delete' -d 'Delete a webhook'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'ping' -d 'Have App Store Connect send a ping'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'deliveries' -d 'List what a webhook has sent'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'redeliver' -d 'Have deliveries repeated'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'migrate' -d 'Make generation 2 webhooks that correspond to the one of generation 1'
complete -c marketplace -n '__fish_marketplace_using_command webhooks' -xa 'rotate-secret' -d 'Change the secret without losing a notification; run it again where it stopped'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l app -r -d 'Of this app; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l json -d 'write JSON, one object a line, also on a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l table -d 'write a table, also if the output is not a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks list' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l app -r -d 'Of this app'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l name -r -d 'What it is called'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l url -r -d 'Where notifications go'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l event -r -d 'A type of event that it sends, by our name or Apple\'s constant; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l disabled -d 'It sends nothing until it is enabled'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l secret-file -r -d 'File whose first line is the secret'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks create' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l name -r -d 'What it is called'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l url -r -d 'Where notifications go'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l event -r -d 'A type of event that it sends, by our name or Apple\'s constant; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l disabled -d 'It sends nothing from now on'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l enabled -d 'It sends again'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l secret-file -r -d 'File whose first line becomes the secret; without it the secret stays'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks update' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l yes -d 'Do not ask'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks delete' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks ping' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l since -r -d 'Made since: 10d, 12h, 30m, 45s ago, or a date'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l state -xa 'SUCCEEDED FAILED PENDING' -d 'Only these'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l limit -r -d 'The most'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l json -d 'write JSON, one object a line, also on a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l table -d 'write a table, also if the output is not a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks deliveries' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks redeliver' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l app -r -d 'For this app; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l name -r -d 'What the new webhooks are called'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l secret-file -r -d 'File whose first line is the secret'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks migrate' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l secret-file -r -d 'The receiver\'s file of secrets, one a line; it is rewritten'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l pid-file -r -d 'File with the receiver\'s process id, which gets a SIGHUP to reread its secrets'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l reload-command -r -d 'Shell command that makes the receiver, or all of them, reread its secrets'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l receiver-url -r -d 'Where the receiver is tried; without it the webhooks\' own URLs'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l receiver-ca-file -r -d 'Certificates to trust there in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l no-probe -d 'Do not try whether the receiver takes the new secret before App Store Connect gets it'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l wait -r -d 'Seconds to wait for a notification signed with the new secret, for each webhook'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l grace -r -d 'Seconds without a notification signed with an old secret before the old ones end'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l not-shared -d 'No webhook that is not named uses the secret: do not look for others'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l retire-anyway -d 'End the old secrets though a notification signed with one came late'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l abort -d 'End a rotation under way, as long as App Store Connect has not been given the new secret'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l yes -d 'Do not ask'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l generation -xa '1 2' -d 'Of the webhook; Apple deprecates the first'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -l dry-run -d 'Show the requests that would change something, and send none of them'
complete -c marketplace -n '__fish_marketplace_seen_command webhooks rotate-secret' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l app -r -d 'Look at the webhooks of this app; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l url -r -d 'Of the apps\' webhooks only those with this URL, the receiver\'s own; needed where they have more than one'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l webhook -r -d 'Look at this webhook; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l inbox -r -d 'Where notifications wait for their callbacks: sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l state -r -d 'Where it is kept how far the last run came'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l since -r -d 'Look at what was delivered since, in place of what is due: 9d, 12h, 30m, 45s ago, or a date; at most ten days back'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l accept-gap -d 'Take note of what was not looked at in time: it is not told again'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l no-redeliver -d 'Do not ask for the redelivery of what failed and was missing'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l dry-run -d 'Only tell what is missing, and what would be redelivered'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l api-url -r -d 'In place of App Store Connect\'s; without it MARKETPLACE_API_URL or api_url'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM; without it ca_file'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l timeout -r -d 'Seconds until a request is given up, its repetitions included'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -l verbose -d 'Write a line for each request on the standard error stream'
complete -c marketplace -n '__fish_marketplace_seen_command reconcile' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command send' -l list -d 'List the samples and send nothing'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l print -d 'Write the sample\'s body and send nothing'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l file -r -d 'Send this file\'s bytes (- for the standard input) in place of a sample'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l generation -xa '1 2' -d 'Of the sample; without it the first that fits'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l id -r -d 'Of the sample, letters, digits and -; without it a new one'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l url -r -d 'Where to'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l signature -r -d 'Send this in place of the right signature: to see a forgery refused'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l timeout -r -d 'Seconds until it gives up'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l secret-file -r -d 'file with the webhook\'s secret; several during a rotation, one a line (without it: the secret in MARKETPLACE_SECRET)'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l json -d 'write JSON, one object a line, also on a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command send' -l table -d 'write a table, also if the output is not a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command send' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command sign' -l secret-file -r -d 'file with the webhook\'s secret; several during a rotation, one a line (without it: the secret in MARKETPLACE_SECRET)'
complete -c marketplace -n '__fish_marketplace_seen_command sign' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command sign' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command verify' -l secret-file -r -d 'file with the webhook\'s secret; several during a rotation, one a line (without it: the secret in MARKETPLACE_SECRET)'
complete -c marketplace -n '__fish_marketplace_seen_command verify' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command verify' -l signature -r -d 'Value of the header x-apple-signature, as it was received'
complete -c marketplace -n '__fish_marketplace_seen_command verify' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command explain' -l secret-file -r -d 'file with the webhook\'s secret; several during a rotation, one a line (without it: the secret in MARKETPLACE_SECRET)'
complete -c marketplace -n '__fish_marketplace_seen_command explain' -l json -d 'write JSON, one object a line, also on a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command explain' -l table -d 'write a table, also if the output is not a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command explain' -l signature -r -d 'Value of the header x-apple-signature, as it was received'
complete -c marketplace -n '__fish_marketplace_seen_command explain' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command token' -l config -r -d 'File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l key-file -r -d 'The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l key-id -r -d 'The key\'s id; without it MARKETPLACE_KEY_ID or key_id'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l issuer-id -r -d 'The team\'s issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l individual -d 'The key is an individual\'s, not a team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l scope -r -d 'api: a request that the token is good for, such as "GET /v1/apps"; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l marketplace-id -r -d 'marketplace, install: the marketplace\'s Apple ID'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l developer-id -r -d 'marketplace: the developer whom it is for'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l bundle-id -r -d 'install: the app\'s'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l dtype -r -d 'install: download or redownload'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l nonce -r -d 'install: without it a random UUID'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l iid -r -d 'install: optional claim'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l vid -r -d 'install: optional claim'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l lifetime -r -d 'Seconds; as long as Apple allows, or less'
complete -c marketplace -n '__fish_marketplace_seen_command token' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command token' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_using_command simulate' -xa 'event' -d 'Make something happen'
complete -c marketplace -n '__fish_marketplace_using_command simulate' -xa 'fault' -d 'Make the next requests or deliveries fail'
complete -c marketplace -n '__fish_marketplace_using_command simulate' -xa 'redeliver' -d 'Repeat a delivery'
complete -c marketplace -n '__fish_marketplace_using_command simulate' -xa 'requests' -d 'List how many requests arrived and were executed'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l host -r -d 'Address to listen on'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l port -r -d 'Port to listen on; 0: the system chooses'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l tls-cert -r -d 'Certificate chain for HTTPS, PEM; with --tls-key'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l tls-key -r -d 'Its private key, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l key-file -r -d 'The private key that tokens are to be signed with, PEM; made where there is none'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l key-id -r -d 'Its id'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l issuer-id -r -d 'The team\'s'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l app -r -d 'An app of the account, the first one the marketplace; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l rate-limit -r -d 'Requests in an hour'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l retry-after -r -d 'Repeat a failed delivery after so many seconds; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l url-lifetime -r -d 'Seconds that the URLs of files are good for'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l strict-deliveries -d 'Want exactly one filter of the list of deliveries, as operators report'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l ca-file -r -d 'Certificates to trust in webhooks\' servers in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command simulate' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l url -r -d 'Of the simulator; without it MARKETPLACE_API_URL, or http://127.0.0.1:8090'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l app -r -d 'The app that it is about; without it the account\'s first'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l marketplace-app -r -d 'The app whose webhooks hear of it; without it that app, where it is one of the account\'s, or the account\'s first'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l generation -xa '1 2' -d 'Only this one of its notifications'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l id -r -d 'Of the notification; without it a new one'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l package -r -d 'The package that it is about'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l package-version -r -d 'version_available: the new version\'s id'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l territory -r -d 'Where; may be repeated'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l variants -r -d 'version_available: how many; without it 2'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l deltas -r -d 'version_available: how many; without it none'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l size -r -d 'version_available: of each of them, in bytes'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command simulate event' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l url -r -d 'Of the simulator; without it MARKETPLACE_API_URL, or http://127.0.0.1:8090'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l method -r -d 'Of the requests that it meets'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l path -r -d 'Beginning of their path; without it /v1/'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l times -r -d 'How many it meets; without it 1'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l skip -r -d 'How many it lets pass before'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l seconds -r -d 'How slow, or when to come again'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l clear -d 'Forget all faults'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command simulate fault' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command simulate redeliver' -l url -r -d 'Of the simulator; without it MARKETPLACE_API_URL, or http://127.0.0.1:8090'
complete -c marketplace -n '__fish_marketplace_seen_command simulate redeliver' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command simulate redeliver' -l json -d 'write JSON, one object a line'
complete -c marketplace -n '__fish_marketplace_seen_command simulate redeliver' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command simulate requests' -l url -r -d 'Of the simulator; without it MARKETPLACE_API_URL, or http://127.0.0.1:8090'
complete -c marketplace -n '__fish_marketplace_seen_command simulate requests' -l ca-file -r -d 'Certificates to trust in place of the system\'s, PEM'
complete -c marketplace -n '__fish_marketplace_seen_command simulate requests' -l json -d 'write JSON, one object a line, also on a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command simulate requests' -l table -d 'write a table, also if the output is not a terminal'
complete -c marketplace -n '__fish_marketplace_seen_command simulate requests' -s h -l help -d 'show this help'

complete -c marketplace -n '__fish_marketplace_seen_command completion' -s h -l help -d 'show this help'
